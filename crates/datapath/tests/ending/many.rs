//! How long a look takes on a host with many connections.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use cofferdam_datapath::{EndBy, Ender};
use cofferdam_policy::{Action, Direction};

use crate::flow::row;
use crate::support::net::Net;
use crate::support::peer::slowness;
use crate::support::{Stage, identity, sockets_in};

/// So many connections, each with two sockets on this host.
const STRANGERS: usize = 4_500;
const PROTECTED: usize = 500;

/// G-ENDS: 10,000 established sockets, of which 1,000 are protected ones; the goal is 100 ms.
#[test]
fn alone_root_ten_thousand_sockets_are_seen_in_time() {
    raise_limit();
    let net = Net::new();
    let host = net.path("host");
    let mut stage = Stage::inside(&host);
    let server = stage.workload("server", 1, &[identity(2)]);
    let client = stage.workload("client", 2, &[]);
    let stranger = stage.folder("stranger");
    let pairs = |server: &Path, client: &Path, count: usize| {
        let listener = sockets_in(&host, server, "hold-listener 127.0.0.1").remove(0);
        let to = listener.local_addr().unwrap();
        let listener: TcpListener = listener.into();
        let mut pairs: Vec<(TcpStream, TcpStream)> = Vec::new();
        for _ in 0..count.div_ceil(PROTECTED) {
            for socket in sockets_in(&host, client, &format!("hold-new tcp4 {PROTECTED}")) {
                socket.connect(&to).unwrap();
                pairs.push((socket.into(), listener.accept().unwrap().0));
            }
        }
        (pairs, listener)
    };
    let (strangers, _open) = pairs(&stranger, &stranger, STRANGERS);
    let (flows, _listener) = pairs(&server, &client, PROTECTED);
    let files = [(std::fs::File::open(&host).unwrap(), true)];
    let mut ender = Ender::open(&stage.bpffs, EndBy::Program).unwrap();
    let (mut times, mut work) = (Vec::new(), Vec::new());
    for _ in 0..9 {
        let before = processor_time();
        let ended = ender.end(&files).unwrap();
        assert_eq!((ended.ended, ended.missed), (0, 0));
        assert_eq!(ended.seen, 10_000);
        times.push(ended.time);
        work.push(processor_time() - before);
    }
    times.sort();
    work.sort();
    println!(
        "10,000 established sockets, nothing to end: median {:?}, of the processor {:?}",
        times[4], work[4]
    );
    stage
        .datapath()
        .apply(&[row(1, Direction::Ingress, identity(2), Action::Deny, 7)])
        .unwrap();
    let ended = ender.end(&files).unwrap();
    println!("500 flows ended among them: {ended:?}");
    assert_eq!(ended.ended, 500);
    // Not by the clock: the machine may be busy with something else.
    assert!(work[4] < Duration::from_millis(100) * slowness());
    drop((strangers, flows));
}

/// G-ENDS: what an empty namespace costs, for hosts with many containers.
#[test]
fn alone_root_a_namespace_more_costs_little() {
    const NAMESPACES: u32 = 20;
    let mut net = Net::new();
    let stage = Stage::inside(&net.path("host"));
    let paths: Vec<_> = (0..NAMESPACES).map(|_| net.add_container(None).0).collect();
    let files: Vec<_> = paths
        .iter()
        .map(|path| (std::fs::File::open(path).unwrap(), false))
        .collect();
    let mut ender = Ender::open(&stage.bpffs, EndBy::Program).unwrap();
    let mut work: Vec<_> = (0..9)
        .map(|_| {
            let before = processor_time();
            ender.end(&files).unwrap();
            (processor_time() - before) / NAMESPACES
        })
        .collect();
    work.sort();
    println!(
        "a look in an empty namespace takes {:?} of the processor",
        work[4]
    );
    assert!(work[4] < Duration::from_millis(10) * slowness());
}

fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap().into()
}

fn raise_limit() {
    let mut limit = nix::libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: one struct is written, then read.
    let done = unsafe {
        nix::libc::getrlimit(nix::libc::RLIMIT_NOFILE, &mut limit);
        limit.rlim_max = limit.rlim_max.max(16_384);
        limit.rlim_cur = limit.rlim_max;
        nix::libc::setrlimit(nix::libc::RLIMIT_NOFILE, &limit)
    };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}
