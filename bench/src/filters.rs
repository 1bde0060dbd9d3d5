//! What else one could use: nftables rules on the socket's cgroup, and a filter in user space behind NFQUEUE.
//!
//! Both see connections being opened only, as a careful administrator would write them: nftables accepts what
//! connection tracking knows, NFQUEUE gets SYN and SYN-ACK.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::lab::{Lab, command, inside};
use crate::pair::{Process, Seat};

/// Other workloads that the rules name; each rule is one of them and one port.
const OTHERS: usize = 10;
const QUEUE: &str = "7";

/// Loads `count` rules, half for each direction, and after them the one that accepts the pair.
pub(crate) fn nft(lab: &Lab, name: &str, netns: &Path, count: usize) -> anyhow::Result<()> {
    let mut rules = String::from("add table inet bench\n");
    for (chain, own) in [("output", "client"), ("input", "server")] {
        writeln!(
            rules,
            "add chain inet bench {chain} {{ type filter hook {chain} priority 0; }}"
        )?;
        writeln!(
            rules,
            "add rule inet bench {chain} ct state established,related accept"
        )?;
        for index in 0..count / 2 {
            let other = lab.cgroup(&format!("{name}/other-{}", index % OTHERS))?;
            let port = 1000 + index / OTHERS;
            writeln!(
                rules,
                "add rule inet bench {chain} {} tcp dport {port} drop",
                socket(&other)?
            )?;
        }
        let own = lab.cgroup(&format!("{name}/{own}"))?;
        writeln!(rules, "add rule inet bench {chain} {} accept", socket(&own)?)?;
    }
    let file = lab.folder().join(format!("{name}.nft"));
    fs::write(&file, rules).with_context(|| format!("cannot write {}", file.display()))?;
    inside(netns, "nft", &["-f", &file.display().to_string()])?;
    Ok(())
}

/// Queues SYN and SYN-ACK, and starts the program that accepts them.
pub(crate) fn nfqueue(lab: &Lab, netns: &Path) -> anyhow::Result<Process> {
    let seat = Seat {
        prefix: Vec::new(),
        cgroup: None,
    };
    let mut program = Process::start(&seat, "accept-all", netns, lab.cores().1, &["--queue", QUEUE])?;
    program
        .expect_ready()
        .context("the NFQUEUE program does not start")?;
    let rule = "-w -A INPUT -p tcp --tcp-flags SYN SYN -j NFQUEUE --queue-num";
    let mut words: Vec<&str> = rule.split(' ').collect();
    words.push(QUEUE);
    inside(netns, "iptables", &words)?;
    Ok(program)
}

/// nft finds cgroups below /sys/fs/cgroup, but counts levels from the root of the hierarchy.
fn socket(cgroup: &Path) -> anyhow::Result<String> {
    let path = cgroup
        .strip_prefix("/sys/fs/cgroup")
        .context("cgroup v2 is not below /sys/fs/cgroup")?;
    let mount = command("stat", &["--format=%m", &cgroup.display().to_string()])?;
    let level = cgroup.strip_prefix(mount.trim())?.components().count();
    Ok(format!("socket cgroupv2 level {level} \"{}\"", path.display()))
}
