//! What users see of containment: what was refused, in plain words, with the label that allows it; what a workload has; what this
//! kernel keeps from whom.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::process::Stdio;

use cofferdam_tests::binaries;
use cofferdam_tests::lab::Lab;
use cofferdam_tests::probe::Kind;
use cofferdam_tests::walkthrough::scene::eventually;
use serde_json::Value;

mod stage;

use stage::Stage;

/// What `cofferdam ARGS` prints.
fn said(stage: &Stage, args: &[&str]) -> String {
    let out = stage.lab.cofferdam(args).expect("a command");
    format!("{}{}", out.stdout, out.stderr)
}

/// The one denial of these filters, once it is recorded.
fn denial(stage: &Stage, filters: &[&str]) -> Value {
    let all = || stage.flows(&[&["--denied", "--limit", "0"], filters].concat());
    let _ = eventually("the denial is recorded", || Ok(!all().is_empty()));
    let found = all();
    let [one] = found.as_slice() else {
        panic!(
            "{filters:?}: {found:#?}, of {:#?}",
            stage.flows(&["--limit", "0"])
        );
    };
    one.clone()
}

/// What it offers, as `KEY=VALUE`.
fn offered(flow: &Value, who: &str) -> String {
    let line = flow["allow_with"].as_str().unwrap_or_default();
    let label = line.strip_prefix(&format!("label on {who}: "));
    label.unwrap_or_else(|| panic!("{line}: {flow:#}")).to_owned()
}

fn runs(stage: &Stage, labels: &[&str], script: &str) -> bool {
    let labels: Vec<&str> = labels.iter().flat_map(|label| ["--label", *label]).collect();
    let out = stage.lab.run(&labels, &["sh", "-c", script]).expect("run");
    out.ok().is_ok()
}

/// G-DECLARE: what containment refuses is said in plain words, and the label that is offered allows it.
#[test]
fn root_what_is_not_declared_is_offered_as_a_label() {
    let stage = Stage::new();
    let probe = binaries::probe().expect("probe").display().to_string();
    // A sysctl of the network.
    let write = "cat /proc/sys/net/ipv4/ip_default_ttl > /tmp/ttl-$$ && \
                 cat /tmp/ttl-$$ > /proc/sys/net/ipv4/ip_default_ttl; told=$?; rm /tmp/ttl-$$; exit $told";
    assert!(!runs(&stage, &["app=a"], write));
    let label = offered(&denial(&stage, &["--from", "app=a"]), "app=a");
    assert_eq!(label, "cofferdam.allow=sysctl");
    assert!(runs(&stage, &["app=a", &label], write));
    // An abstract socket of somebody else.
    let listen = "import socket,time\ns=socket.socket(socket.AF_UNIX)\ns.bind('\\0host.test')\ns.listen()\n\
                  print('ready',flush=True)\ntime.sleep(120)";
    let mut command = stage.lab.host.command("python3", &["-c", listen]);
    command.stdout(Stdio::piped());
    let mut host = stage.lab.host.spawn(&mut command).expect("a listener");
    let connect = "exec python3 -c \"import socket;socket.socket(socket.AF_UNIX).connect('\\\\0host.test')\"";
    let listens = || Ok(stage.lab.host.run("sh", &["-c", connect])?.ok().is_ok());
    eventually("it listens", listens).expect("a listener");
    let out = stage
        .lab
        .run(&["--label", "app=b"], &["sh", "-c", connect])
        .expect("run");
    assert!(out.stderr.contains("Operation not permitted"), "{out}");
    let label = offered(&denial(&stage, &["--from", "app=b"]), "app=b");
    assert_eq!(label, "cofferdam.allow=abstract:@host.test");
    assert!(runs(&stage, &["app=b", &label], connect));
    let _ = host.kill();
    let _ = host.wait();
    // A port that it does not declare.
    let serve = format!("timeout 2 {probe} serve c tcp 127.0.0.1:7101; test $? = 124");
    assert!(!runs(&stage, &["app=c", "cofferdam.bind=7100/tcp"], &serve));
    let label = offered(&denial(&stage, &["--from", "app=c"]), "app=c");
    assert_eq!(label, "cofferdam.bind=7100/tcp, 7101/tcp");
    assert!(runs(&stage, &["app=c", &label], &serve));
    // A raw socket of a strict container.
    let touch = |labels: &[&str]| {
        let mut args = vec!["run", "--rm", "--net=host"];
        args.extend(labels.iter().flat_map(|label| ["-l", *label]));
        args.extend(["curl", "cofferdam-probe", "touch", "views"]);
        stage.lab.engine.try_docker(&args).expect("docker").ok().is_ok()
    };
    let strict = ["app=d", "cofferdam.contain=strict"];
    assert!(!touch(&strict));
    let label = offered(&denial(&stage, &["--from", "app=d"]), "app=d");
    assert_eq!(label, "cofferdam.allow=raw");
    assert!(touch(&[strict[0], strict[1], &label]));
    let flows = said(&stage, &["flows", "--denied", "--limit", "0"]);
    for words in [
        "because it does not declare sysctls of the network",
        "because @host.test is somebody else's, and not declared",
        "because it does not declare port 7101/tcp",
        "because it is strict, and does not declare raw sockets",
    ] {
        assert!(flows.contains(words), "{words}: {flows}");
    }
    let wide = said(&stage, &["flows", "--denied", "-o", "wide"]);
    assert!(
        wide.contains("undeclared: it does not declare port 7101/tcp"),
        "{wide}"
    );
}

/// G-DECLARE: of a port that is taken it is said who holds it, and the label that is offered moves it; from then on it is shown
/// as its workload knows it, and explained as the kernel judges it.
#[test]
fn root_a_port_that_is_taken_names_its_holder_and_a_way_out() {
    let stage = Stage::new();
    stage.serve("db", &["-l", "app=db", "--net=host"], "tcp", "0.0.0.0:7001");
    let web = [
        "-l",
        "app=web",
        "-l",
        "cofferdam.ingress=host:7001/tcp",
        "--net=host",
    ];
    let mut args = vec!["run", "--rm", "--name", "web"];
    args.extend(web);
    args.extend(["curl", "cofferdam-probe", "serve", "web", "tcp", "0.0.0.0:7001"]);
    assert!(stage.lab.engine.try_docker(&args).expect("docker").ok().is_err());
    let taken = denial(&stage, &["--from", "app=web"]);
    assert_eq!(
        (&taken["reason"], &taken["to"]["name"]),
        (&"port-taken".into(), &"db".into())
    );
    let label = offered(&taken, "app=web");
    assert_eq!(label, "cofferdam.bind=7001/tcp=17001");
    let flows = said(&stage, &["flows", "--denied"]);
    assert!(flows.contains("because port 7001/tcp is held by db"), "{flows}");

    stage.serve(
        "web",
        &[&web[..], &["-l", &label]].concat(),
        "tcp",
        "0.0.0.0:7001",
    );
    let at = |port: u16| format!("127.0.0.1:{port}");
    let attempts = stage.host_tries(Kind::Tcp, &at(17001), 1);
    assert!(attempts.all_answered("web"), "{attempts:?}");
    let explained = said(&stage, &["explain", "host", "web", "17001"]);
    assert!(
        explained.starts_with("allow") && explained.contains("web binds port 7001, which really is 17001"),
        "{explained}"
    );
    assert!(stage.run_tries("app=x", Kind::Tcp, &at(17001), 1).all_refused());
    let explained = said(&stage, &["explain", "app=web", "db", "17001"]);
    assert!(explained.starts_with("deny"), "{explained}");

    let all = stage.lab.json(&["ps"]).expect("ps");
    let view = all["workloads"].as_array().expect("workloads");
    let view = view.iter().find(|one| one["name"] == "web").expect("web");
    let port = &view["listening"][0];
    assert_eq!(
        (&port["port"], &port["really"]),
        (&7001.into(), &"0.0.0.0:17001".into())
    );
    assert_eq!(view["containment"]["labels"]["cofferdam.bind"], "7001/tcp=17001");
    let narrow = said(&stage, &["ps"]);
    assert!(narrow.contains("7001=17001"), "{narrow}");
    let wide = said(&stage, &["ps", "-o", "wide"]);
    for words in ["0.0.0.0:7001 (really 17001)", "default; bind 7001/tcp=17001"] {
        assert!(wide.contains(words), "{words}: {wide}");
    }
}

/// G-DECLARE: `ps -o wide` has what each workload may do all the same, by its capabilities, its labels and this kernel.
#[test]
fn root_ps_tells_what_is_open_to_a_workload() {
    let stage = Stage::new();
    let start = |name: &str, more: &[&str]| {
        let label = format!("app={name}");
        let mut args = vec!["run", "-dit", "--net=host", "--name", name, "-l", &label];
        args.extend(more);
        args.push("curl");
        stage.lab.engine.docker(&args).expect("docker run");
    };
    start("plain", &[]);
    start("dropped", &["--cap-drop=NET_RAW"]);
    start("strict", &["-l", "cofferdam.contain=strict"]);
    stage.serve(
        "private",
        &[
            "--net=host",
            "-l",
            "app=private",
            "-l",
            "cofferdam.loopback=private",
        ],
        "tcp",
        "127.0.0.1:7002",
    );
    let all = stage.lab.json(&["ps"]).expect("ps");
    let view = |name: &str| {
        let mut views = all["workloads"].as_array().expect("workloads").iter();
        views.find(|one| one["name"] == name).expect("a workload").clone()
    };
    let open = |name: &str| -> Vec<String> {
        serde_json::from_value(view(name)["containment"]["open"].clone()).expect("what is open")
    };
    let has = |name: &str, what: &str| open(name).iter().any(|one| one == what);
    assert!(has("plain", "packet") && has("plain", "raw") && has("plain", "loopback"));
    assert!(!has("dropped", "packet") && !has("dropped", "raw"));
    assert!(!has("strict", "raw") && !has("strict", "loopback"));
    let doctor = stage.lab.json(&["doctor"]).expect("doctor");
    let packet = &doctor["containment"][6];
    assert_eq!(packet["what"], "packet");
    assert_eq!(has("strict", "packet"), packet["strict"] != "stopped", "{packet}");
    assert_eq!(view("strict")["containment"]["text"], "strict; loopback private");
    let wide = said(&stage, &["ps", "-o", "wide"]);
    assert!(wide.contains("127.0.0.1:7002 (private)"), "{wide}");
}

/// G-DECLARE: `doctor` has the table of containment, with a daemon and without.
#[test]
fn root_doctor_tells_what_is_kept_from_whom() {
    let table = |lab: &Lab| -> Value {
        let mut args = lab.arguments(&["doctor", "--json"]);
        args.extend([
            "--docker-socket".to_owned(),
            lab.paths.docker_socket.display().to_string(),
        ]);
        let out = lab.host.run(binaries::cofferdam().expect("cofferdam"), &args);
        let all: Value = serde_json::from_str(&out.expect("doctor").stdout).expect("JSON");
        all["containment"].clone()
    };
    let lab = Lab::new().expect("a lab");
    let before = table(&lab);
    let daemon = lab.daemon(&[]).expect("a daemon");
    let with = table(&lab);
    assert_eq!(before, with, "a daemon finds what anybody finds");
    let rows = with.as_array().expect("rows");
    let keys: Vec<_> = rows.iter().filter_map(|row| row["what"].as_str()).collect();
    let wanted = [
        "loopback",
        "ports-held",
        "ports-undeclared",
        "abstract",
        "sysctl",
        "raw",
        "packet",
        "netlink",
        "vsock",
        "interfaces",
    ];
    assert_eq!(keys, wanted);
    let state = |what: &str| {
        let row = rows.iter().find(|row| row["what"] == what).expect("a row");
        ["default", "strict", "run_strict"].map(|key| row[key].as_str().unwrap_or_default())
    };
    assert_eq!(state("loopback"), ["not-applied", "stopped", "stopped"]);
    assert_eq!(state("sysctl"), ["stopped"; 3]);
    assert_eq!(state("packet")[2], "stopped");
    let text = lab.cofferdam(&["doctor"]).expect("doctor").stdout;
    assert!(text.contains("packet capture (AF_PACKET)"), "{text}");
    drop(daemon);
}
