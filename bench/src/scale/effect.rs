//! From a change to its verdict on a real connect, with a thousand workloads and as many policies.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Serialize;

use super::policies::{ALIKE, policy};
use super::times::Times;
use crate::lab::Lab;
use crate::load::clock;
use crate::pair::{Process, Seat};
use crate::product::{Home, Product};
use crate::rounds::Interrupt;

/// What changed, and how long until the first verdict by it.
#[derive(Debug, Serialize)]
pub(crate) struct Effect {
    pub(crate) change: Change,
    /// A process on every core wanted all of it meanwhile.
    pub(crate) loaded: bool,
    pub(crate) times: Times,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Change {
    /// From the moment a policy file is put in its place.
    File,
    /// From the start of `cofferdam run` to its first connect, which a policy allows.
    Run,
}

/// All of one daemon.
#[derive(Debug, Serialize)]
pub(crate) struct Effects {
    pub(crate) workloads: u32,
    pub(crate) policies: u32,
    pub(crate) effects: Vec<Effect>,
    /// Resident memory of the daemon after all of it, MiB.
    pub(crate) memory_mib: f64,
}

const WORKLOADS: u32 = 1000;
const POLICIES: u32 = 1000;
const ROUNDS: u32 = 100;
const QUICK_ROUNDS: u32 = 50;
/// The application that is knocked at, and who knocks.
const SERVER: &str = "a0";
const CLIENT: &str = "a1";

// === impl Change ===

impl Change {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::File => "policy file",
            Self::Run => "cofferdam run",
        }
    }
}

/// One daemon, both changes, on a quiet machine and on a loaded one.
pub(super) fn measure(
    lab: &Lab,
    netns: &Path,
    binary: &Path,
    quick: bool,
    interrupt: &Interrupt,
) -> anyhow::Result<Effects> {
    let mut stage = Stage::set(lab, netns, binary)?;
    let rounds = if quick { QUICK_ROUNDS } else { ROUNDS };
    let mut effects = Vec::new();
    for loaded in [false, true] {
        let _load = if loaded { spinners(lab, netns)? } else { Vec::new() };
        for (change, measure) in [
            (
                Change::File,
                Stage::file as fn(&mut Stage, u32) -> anyhow::Result<f64>,
            ),
            (Change::Run, Stage::run),
        ] {
            interrupt.check()?;
            eprintln!("bench: scale, effect of a {}, loaded: {loaded}", change.title());
            let times = (0..rounds)
                .map(|round| measure(&mut stage, round))
                .collect::<anyhow::Result<_>>()?;
            let times = Times::of(times).context("no rounds")?;
            effects.push(Effect {
                change,
                loaded,
                times,
            });
        }
    }
    Ok(Effects {
        workloads: WORKLOADS,
        policies: POLICIES,
        effects,
        memory_mib: stage.product.memory()?,
    })
}

/// Configures so many units, of which [`ALIKE`] share an application; their cgroups.
pub(super) fn units(lab: &Lab, name: &str, home: &Home, count: u32) -> anyhow::Result<Vec<String>> {
    let mut config = String::new();
    let mut cgroups = Vec::new();
    for number in 0..count {
        let cgroup = lab.cgroup(&format!("{name}/w{number}"))?.display().to_string();
        writeln!(
            config,
            "[[unit]]\ncgroup = \"{cgroup}\"\nlabels = {{ app = \"a{}\", instance = \"{number}\" }}",
            number / ALIKE
        )?;
        cgroups.push(cgroup);
    }
    home.configure(&config)?;
    Ok(cgroups)
}

/// One for each core.
fn spinners(lab: &Lab, netns: &Path) -> anyhow::Result<Vec<Process>> {
    let seat = Seat {
        prefix: Vec::new(),
        cgroup: None,
    };
    let (first, second) = lab.cores();
    let mut spinners = Vec::new();
    for core in [first, second] {
        let mut spinner = Process::start(&seat, "spin", netns, core, &[])?;
        spinner.expect_ready()?;
        spinners.push(spinner);
    }
    Ok(spinners)
}

/// What stays over all rounds. Both ends end before the daemon does.
struct Stage {
    knocker: Process,
    /// Listens as long as it lives.
    _server: Process,
    product: Product,
    netns: std::path::PathBuf,
    port: String,
    core: usize,
    /// What the last file says.
    allowed: bool,
}

// === impl Stage ===

impl Stage {
    /// A daemon, a server in one of its workloads, and a client in another.
    fn set(lab: &Lab, netns: &Path, binary: &Path) -> anyhow::Result<Self> {
        let home = Home::new(lab, "effect", netns, binary)?;
        let cgroups = units(lab, "effect", &home, WORKLOADS)?;
        let applications = WORKLOADS / ALIKE;
        for number in 0..POLICIES {
            let text = policy(number, number % applications, applications, 2);
            fs::write(home.policies().join(format!("p{number}.yaml")), text)?;
        }
        let product = Product::start(home)?;
        let seat = |cgroup: &str| Seat {
            prefix: Vec::new(),
            cgroup: Some(cgroup.into()),
        };
        let (client_core, server_core) = lab.cores();
        let (Some(server), Some(client)) = (cgroups.first(), cgroups.get(ALIKE as usize)) else {
            anyhow::bail!("too few workloads");
        };
        let mut server = Process::start(&seat(server), "listen", netns, server_core, &[])?;
        let port = server.line()?;
        let port = port.strip_prefix("ready ").context("no port")?.to_owned();
        let mut stage = Stage {
            knocker: Process::start(&seat(client), "knock", netns, client_core, &["--port", &port])?,
            _server: server,
            product,
            netns: netns.to_owned(),
            port,
            core: client_core,
            allowed: false,
        };
        stage.knocker.expect_ready()?;
        Ok(stage)
    }

    /// A file is put in place of another, by turns one that allows and one that denies.
    fn file(&mut self, round: u32) -> anyhow::Result<f64> {
        let allow = !self.allowed;
        self.allowed = allow;
        let port = if allow { self.port.as_str() } else { "1" };
        let text = format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: knock}}\nspec:\n  \
             podSelector: {{matchLabels: {{app: {SERVER}}}}}\n  ingress:\n    \
             - from: [{{podSelector: {{matchLabels: {{app: {CLIENT}}}}}}}]\n      ports: [{{port: {port}}}]\n\
             ---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: knocker}}\nspec:\n  \
             podSelector: {{matchLabels: {{app: {CLIENT}}}}}\n  policyTypes: [Egress]\n  egress: [{{}}]\n"
        );
        let folder = self.product.home().policies();
        let beside = folder.join(".knock");
        fs::write(&beside, text)?;
        self.knocker.say(if allow { "allow" } else { "deny" })?;
        // Not in step with the daemon's own beat.
        thread::sleep(Duration::from_millis(20 + u64::from(round) * 7919 % 50));
        // Before it, not after: the daemon may be done before this process runs again.
        let written = clock::now();
        fs::rename(&beside, folder.join("knock.yaml"))?;
        let seen: u64 = self.knocker.line()?.parse()?;
        ensure!(seen > written, "the verdict changed before the policy");
        Ok(milliseconds(seen - written))
    }

    fn run(&mut self, round: u32) -> anyhow::Result<f64> {
        if !self.allowed {
            self.file(round)?;
        }
        thread::sleep(Duration::from_millis(10 + u64::from(round) * 7919 % 50));
        let seat = self.product.seat_as(&[&format!("app={CLIENT}")]);
        let start = clock::now();
        let more = ["--once", "--port", &self.port];
        let mut process = Process::start(&seat, "knock", &self.netns, self.core, &more)?;
        let seen: u64 = process.line()?.parse()?;
        process.stop()?;
        Ok(milliseconds(seen - start))
    }
}

#[expect(clippy::cast_precision_loss, reason = "53 bits hold any of these exactly")]
fn milliseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}
