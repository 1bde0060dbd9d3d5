//! What is recorded of whom: once each, under the port that rules are about, by the name that was asked for, and what is no
//! flow at all.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::fs;

use cofferdam_tests::binaries;
use cofferdam_tests::probe::{self, Kind};
use cofferdam_tests::walkthrough::scene::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

mod stage;

use stage::Stage;

fn count(flows: &[Value]) -> u64 {
    flows.iter().filter_map(|flow| flow["repeats"].as_u64()).sum()
}

/// G-ONE-RECORD: in mode observe, where every packet passes every hook, a connection and an exchange of datagrams are counted
/// once, with both names.
#[test]
fn root_what_is_only_observed_is_recorded_once() {
    let stage = Stage::with(&["--mode", "observe"]);
    for (protocol, port) in [("tcp", 7001), ("udp", 7003)] {
        let name = format!("web-{protocol}");
        let address = format!("[::]:{port}");
        stage.serve(&name, &["-l", "app=web", "--net=host"], protocol, &address);
    }
    for (name, labels) in [("guest", "app=x"), ("plain", "colour=red")] {
        let start = ["run", "-dit", "--name", name, "-l", labels, "curl"];
        stage.lab.engine.docker(&start).expect("docker run");
    }
    let here = [(Kind::Tcp, "127.0.0.1:7001"), (Kind::SendTo, "127.0.0.1:7003")];
    let gate = [(Kind::Tcp, "172.17.0.1:7001"), (Kind::SendTo, "172.17.0.1:7003")];
    for (kind, address) in here {
        assert!(!stage.run_tries("app=y", kind, address, 3).all_refused());
        assert!(!stage.host_tries(kind, address, 3).all_refused());
    }
    for name in ["guest", "plain"] {
        for (kind, address) in gate {
            assert!(!stage.container_tries(name, kind, address, 3).all_refused());
        }
    }
    let lan = probe::attempt(&stage.lab.lan, Kind::Tcp, "192.168.77.1:7001", 3).expect("attempts");
    assert!(!lan.all_refused());
    for port in ["7001", "7003"] {
        let wanted = if port == "7001" { 15 } else { 12 };
        let mut seen = Vec::new();
        let _ = eventually("everything is recorded", || {
            seen = stage.flows(&["--port", port, "--denied", "--limit", "0"]);
            Ok(count(&seen) >= wanted)
        });
        // Whatever comes twice comes within the daemon's next looks.
        std::thread::sleep(std::time::Duration::from_millis(500));
        seen = stage.flows(&["--port", port, "--denied", "--limit", "0"]);
        assert_eq!(count(&seen), wanted, "{port}: {seen:#?}");
        let named = seen.iter().filter(|flow| flow["to"]["name"].is_string());
        assert_eq!(named.count(), seen.len(), "{seen:#?}");
    }
}

/// G-ONE-RECORD: a socket that was connected before does not call again, and its datagrams are recorded all the same where
/// another policy judges them.
#[test]
fn root_a_connected_socket_is_recorded_after_a_change() {
    let stage = Stage::with(&["--mode", "observe"]);
    stage.serve("web", &["-l", "app=web", "--net=host"], "udp", "127.0.0.1:7003");
    let _held = stage.hold_by("hold-udp", "app=y", "127.0.0.1:7003");
    let seen = || count(&stage.flows(&["--port", "7003", "--denied", "--limit", "0"]));
    eventually("the connect is recorded", || Ok(seen() >= 1)).expect("a record");
    std::thread::sleep(std::time::Duration::from_millis(500));
    let before = seen();
    // Somebody else comes: every verdict is asked anew.
    let start = ["run", "-dit", "--name", "other", "-l", "app=z", "curl"];
    stage.lab.engine.docker(&start).expect("docker run");
    eventually("its datagrams are recorded", || Ok(seen() > before)).expect("a record");
}

/// G-REMEDY: a denial at a published port names the port that rules are about, and what it offers opens that.
#[test]
fn root_a_published_port_is_recorded_with_the_one_behind_it() {
    let stage = Stage::new();
    stage.serve(
        "web",
        &[
            "-l",
            "app=web",
            "-p",
            "127.0.0.1:8080:7001",
            "-l",
            "cofferdam.ingress=lan",
        ],
        "tcp",
        "0.0.0.0:7001",
    );
    let tries = |labels: &[&str]| {
        let probe = binaries::probe().expect("probe").display().to_string();
        let arguments = probe::arguments(Kind::Tcp, "127.0.0.1:8080", 1);
        let labels: Vec<&str> = labels.iter().flat_map(|label| ["--label", *label]).collect();
        let mut program = vec![probe.as_str()];
        program.extend(arguments.iter().map(String::as_str));
        let said = stage.lab.run(&labels, &program).expect("run").ok().expect("run");
        serde_json::from_str::<probe::Attempts>(&said).expect("attempts")
    };
    assert!(tries(&["app=x"]).all_refused());
    let denied = stage.flows(&["--denied", "--from", "app=x", "--port", "7001"]);
    assert_eq!(denied.len(), 1, "{denied:#?}");
    assert_eq!(denied[0]["destination"], "127.0.0.1:8080");
    assert_eq!(denied[0]["inner_port"], 7001);
    assert_eq!(
        denied,
        stage.flows(&["--denied", "--from", "app=x", "--port", "8080"])
    );
    let offered = denied[0]["allow_with"].as_str().expect("a line");
    let mine = offered
        .split("; ")
        .find_map(|part| part.strip_prefix("label on app=x: "));
    let mine = mine.unwrap_or_else(|| panic!("{offered}"));
    assert!(mine.contains(":7001"), "{offered}");
}

/// G-SEEN: ports that a workload takes, raw sockets, abstract unix sockets and sysctls are in the records, of protected
/// workloads alone.
#[test]
fn root_what_a_workload_takes_is_recorded() {
    let stage = Stage::new();
    let probe = binaries::probe().expect("probe").display().to_string();
    let script = format!(
        "{probe} touch cofferdam.test/seen && cat /proc/sys/net/ipv4/ip_default_ttl >/tmp/ttl-$$ && \
         cat /tmp/ttl-$$ >/proc/sys/net/ipv4/ip_default_ttl; rm /tmp/ttl-$$"
    );
    let program = ["sh", "-c", script.as_str()];
    stage.lab.host.must("sh", &["-c", &script]).expect("a stranger's");
    stage
        .lab
        .run(&["--label", "app=x", "--allow", "sysctl"], &program)
        .expect("run")
        .ok()
        .expect("run");
    stage.serve("web", &["-l", "app=web", "--net=host"], "udp", "127.0.0.1:7003");
    let all = || stage.flows(&["--limit", "0"]);
    let of = |hook: &str, flows: &[Value]| -> Vec<Value> {
        let of = flows.iter().filter(|flow| flow["hook"] == hook);
        of.cloned().collect()
    };
    let wanted = ["socket", "connect_unix", "sysctl", "bind4"];
    let _ = eventually("everything is recorded", || {
        let seen = all();
        Ok(wanted.iter().all(|hook| !of(hook, &seen).is_empty()))
    });
    let seen = all();
    let one = |hook: &str| {
        let found = of(hook, &seen);
        assert_eq!(found.len(), 1, "{hook}: {seen:#?}");
        assert_eq!(found[0]["verdict"], "allow");
        assert_eq!(found[0]["reason"], "not-judged");
        found[0].clone()
    };
    let raw = one("socket");
    assert_eq!(
        (&raw["object"], &raw["protocol"]),
        (&"raw".into(), &"icmp".into())
    );
    assert_eq!(raw["from"]["labels"]["app"], "x");
    assert_eq!(raw["comm"], "cofferdam-probe");
    assert_eq!(one("connect_unix")["object"], "@cofferdam.test/seen");
    assert_eq!(one("sysctl")["object"], "net.ipv4.ip_default_ttl = 64");
    let bind = one("bind4");
    assert_eq!(
        (&bind["destination"], &bind["from"]["name"]),
        (&"127.0.0.1:7003".into(), &"web".into())
    );
    let said = stage
        .lab
        .cofferdam(&["flows"])
        .expect("flows")
        .ok()
        .expect("flows");
    for words in [
        "opens a raw socket (icmp)",
        "connects to @cofferdam.test/seen",
        "writes net.ipv4.ip_default_ttl = 64",
        "binds 127.0.0.1:7003/udp",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let rows = stage.lab.json(&["flows", "--top"]).expect("sums");
    assert_eq!(rows["rows"].as_array().map(Vec::len), Some(0), "{rows}");
}

/// G-NAMES: a record has the name that the workload had asked for, of Docker's resolver and of another one.
#[test]
fn root_records_have_the_names_that_were_asked_for() {
    let stage = Stage::new();
    stage
        .lab
        .engine
        .docker(&["network", "create", "shop"])
        .expect("a network");
    stage.serve("plain", &["--net=shop"], "tcp", "0.0.0.0:7001");
    let docker = |args: &[&str]| stage.lab.engine.try_docker(args).expect("docker");
    let client = [
        "run",
        "--rm",
        "--net=shop",
        "-l",
        "app=x",
        "-l",
        "cofferdam.egress=host",
    ];
    let curl = ["curl", "curl", "-sm3", "telnet://plain:7001"];
    docker(&[&client[..], &curl].concat());
    let dns = stage.lab.lan.command(
        "dnsmasq",
        &[
            "--no-daemon",
            "--no-resolv",
            "--no-hosts",
            "--pid-file=",
            "--conf-file=/dev/null",
            "--listen-address=192.168.77.2",
            "--bind-interfaces",
            "--address=/camera.example/192.168.77.2",
        ],
    );
    let mut dns = dns;
    let mut resolver = stage.lab.lan.spawn(&mut dns).expect("dnsmasq");
    let client = ["run", "--rm", "--net=host", "--dns=192.168.77.2", "-l", "app=y"];
    let open = ["-l", "cofferdam.egress=lan"];
    let curl = ["curl", "curl", "-sm3", "http://camera.example:7009/"];
    docker(&[&client[..], &open, &curl].concat());
    let named = |filters: &[&str]| -> Vec<Value> {
        let seen = stage.flows(filters);
        seen.iter().map(|flow| flow["dns"].clone()).collect()
    };
    let _ = eventually("everything is recorded", || {
        Ok(!named(&["--from", "app=x", "--port", "7001"]).is_empty()
            && !named(&["--from", "app=y", "--port", "7009"]).is_empty())
    });
    let _ = resolver.kill();
    let _ = resolver.wait();
    assert_eq!(named(&["--from", "app=x", "--port", "7001"]), ["plain"]);
    assert_eq!(named(&["--from", "app=y", "--port", "7009"]), ["camera.example"]);
    let said = stage
        .lab
        .cofferdam(&["flows", "--port", "7009"])
        .expect("flows")
        .ok()
        .expect("flows");
    assert!(said.contains("(camera.example)"), "{said}");
}

/// `[flows] record = "denied"` leaves out what was allowed, after SIGHUP too.
#[test]
fn root_only_denials_are_recorded_where_that_is_wanted() {
    let stage = Stage::new();
    stage.serve("web", &["-l", "app=web", "--net=host"], "tcp", "127.0.0.1:7001");
    fs::write(&stage.lab.paths.config, "[flows]\nrecord = \"denied\"\n").expect("a configuration");
    let pid = Pid::from_raw(i32::try_from(stage.daemon.pid()).expect("a pid"));
    kill(pid, Signal::SIGHUP).expect("SIGHUP");
    stage.daemon.wait_for("configuration reloaded").expect("a reload");
    assert!(
        stage
            .run_tries("app=web", Kind::Tcp, "127.0.0.1:7001", 2)
            .all_answered("web")
    );
    assert!(
        stage
            .run_tries("app=x", Kind::Tcp, "127.0.0.1:7001", 2)
            .all_refused()
    );
    let _ = eventually("the denial is recorded", || {
        Ok(!stage.flows(&["--port", "7001", "--denied"]).is_empty())
    });
    std::thread::sleep(std::time::Duration::from_millis(500));
    let seen = stage.flows(&["--port", "7001", "--from", "app=web"]);
    assert!(seen.iter().all(|flow| flow["hook"] == "bind4"), "{seen:#?}");
    assert_eq!(count(&stage.flows(&["--port", "7001", "--denied"])), 2);
}
