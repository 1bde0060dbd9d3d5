//! Where flow records and alerts go: to a real journald, a real collector, files, sockets and a web server.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use cofferdam_tests::binaries;
use cofferdam_tests::lab::Lab;
use cofferdam_tests::probe::Kind;
use cofferdam_tests::walkthrough::scene::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

mod stage;

use stage::Stage;

const WEB: &str = "127.0.0.1:7001";

/// A lab whose daemon has this configuration, with a server and nobody yet who was denied it.
fn stage(config: &str) -> Stage {
    let lab = Lab::new().expect("a lab");
    fs::write(&lab.paths.config, config).expect("a configuration");
    let daemon = lab.daemon(&[]).expect("a daemon");
    let stage = Stage { daemon, lab };
    stage.serve("web", &["-l", "app=web", "--net=host"], "tcp", WEB);
    stage
}

fn denied(stage: &Stage, label: &str, times: u32) {
    assert!(stage.run_tries(label, Kind::Tcp, WEB, times).all_refused());
}

fn allowed(stage: &Stage) {
    assert!(stage.run_tries("app=web", Kind::Tcp, WEB, 1).all_answered("web"));
}

/// The entry of `status` about one of them.
fn export(stage: &Stage, name: &str) -> Value {
    let status = stage.lab.json(&["status"]).expect("status");
    let all = status["exports"].as_array().cloned().unwrap_or_default();
    let found = all.into_iter().find(|one| one["name"] == name);
    found.unwrap_or_else(|| panic!("no {name}: {status}"))
}

/// A process on the lab's host that ends with this, and what it printed.
struct Running {
    process: Child,
    output: PathBuf,
}

impl Running {
    fn start(lab: &Lab, output: &Path, program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Self {
        let file = fs::File::create(output).expect("a file");
        let mut command = lab.host.command(program, args);
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file"))
            .stderr(file);
        Self {
            process: lab.host.spawn(&mut command).expect("a process"),
            output: output.to_owned(),
        }
    }

    fn printed(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; either way no process is left.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A journald of our own, for a namespace of its own.
struct Journald {
    namespace: String,
    running: Option<Running>,
}

impl Journald {
    fn start(lab: &Lab, namespace: &str) -> Self {
        let output = lab.paths.state.join("journald.log");
        let running = Running::start(lab, &output, "/lib/systemd/systemd-journald", &[namespace]);
        let started = Self {
            namespace: namespace.to_owned(),
            running: Some(running),
        };
        eventually("journald listens", || Ok(started.socket().exists())).expect("journald");
        started
    }

    fn socket(&self) -> PathBuf {
        PathBuf::from(format!("/run/systemd/journal.{}/socket", self.namespace))
    }

    /// The folders in which it may keep its files.
    fn folders(&self) -> Vec<PathBuf> {
        let below = ["/var/log/journal", "/run/log/journal"];
        let all = below
            .iter()
            .filter_map(|folder| fs::read_dir(folder).ok())
            .flatten();
        let ours = |path: &PathBuf| path.extension().is_some_and(|name| *name == *self.namespace);
        all.flatten().map(|entry| entry.path()).filter(ours).collect()
    }

    /// What `journalctl` shows with these matches.
    fn shows(&self, lab: &Lab, matches: &[&str]) -> Vec<Value> {
        let folders = self.folders().into_iter();
        let folders = folders.map(|folder| format!("--directory={}", folder.display()));
        let mut args: Vec<String> = folders
            .chain(["--output=json".to_owned(), "--all".to_owned()])
            .collect();
        args.extend(matches.iter().map(ToString::to_string));
        let outcome = lab.host.run("journalctl", &args).expect("journalctl");
        let lines = outcome.stdout.lines();
        lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

impl Drop for Journald {
    fn drop(&mut self) {
        self.running.take();
        let mut left = self.folders();
        left.extend(self.socket().parent().map(Path::to_owned));
        for folder in left {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// G-EXPORT: journald has each denial, with fields to search by, and what was allowed as well where it is asked for.
#[test]
fn root_journald_shows_what_was_denied() {
    let namespace = format!("cofferdam{}", std::process::id());
    let stage = stage(&format!(
        "[export.journald]\nflows = \"all\"\nnamespace = \"{namespace}\"\n"
    ));
    // It is not there yet: what happens meanwhile waits.
    denied(&stage, "app=x", 3);
    eventually("status tells", || {
        Ok(export(&stage, "export.journald")["error"].is_string())
    })
    .expect("an error");
    let journald = Journald::start(&stage.lab, &namespace);
    allowed(&stage);
    let shown = |matches: &[&str]| journald.shows(&stage.lab, matches);
    eventually("journald shows the denial", || {
        Ok(!shown(&["SYSLOG_IDENTIFIER=cofferdam-flow", "COFFERDAM_VERDICT=deny"]).is_empty())
    })
    .expect("an entry");
    let entries = shown(&["MESSAGE_ID=c0ffe4da3d1a4e6b9c35f0a7d2b18e01"]);
    assert_eq!(entries.len(), 1, "{entries:?}");
    let entry = &entries[0];
    let message = entry["MESSAGE"].as_str().expect("a message");
    assert!(
        message.starts_with("denied: ")
            && message.ends_with(" → web:7001/tcp by default/other-workloads, 3 times"),
        "{message}"
    );
    for (field, value) in [
        ("PRIORITY", "4"),
        ("COFFERDAM_TO_NAME", "web"),
        ("COFFERDAM_TO_LABELS", "app=web"),
        ("COFFERDAM_FROM_LABELS", "app=x"),
        ("COFFERDAM_DESTINATION", WEB),
        ("COFFERDAM_PROTOCOL", "tcp"),
        ("COFFERDAM_REPEATS", "3"),
        ("COFFERDAM_RULE_NAME", "default/other-workloads"),
        ("COFFERDAM_MODE", "enforce"),
    ] {
        assert_eq!(entry[field], value, "{field}: {entry}");
    }
    assert!(
        entry["COFFERDAM_ALLOW_WITH"]
            .as_str()
            .is_some_and(|line| line.contains("cofferdam.ingress"))
    );
    eventually("and what was allowed", || {
        Ok(!shown(&["COFFERDAM_VERDICT=allow", "COFFERDAM_TO_NAME=web", "PRIORITY=6"]).is_empty())
    })
    .expect("an entry");
    let log = stage.daemon.log();
    assert_eq!(
        log.matches("export.journald to ").count(),
        2,
        "once that it fails, once that it works: {log}"
    );
    let status = export(&stage, "export.journald");
    assert_eq!(
        (&status["dropped"], &status["error"]),
        (&Value::from(0), &Value::Null)
    );
}

/// G-EXPORT: a collector of OpenTelemetry receives each denial as a log record with the attributes of the conventions.
#[test]
fn root_a_collector_receives_what_was_denied() {
    let Some(collector) = binaries::collector() else {
        println!("skipped: there is no OpenTelemetry collector; `cargo xtask setup` fetches it");
        return;
    };
    let stage =
        stage("[export.otlp]\nendpoint = \"http://127.0.0.1:4318\"\nheaders = { X-Scope-OrgID = \"lab\" }\n");
    let state = &stage.lab.paths.state;
    let pid = state.join("rotel.pid").display().to_string();
    let args = [
        "start",
        "--otlp-http-endpoint=127.0.0.1:4318",
        "--otlp-grpc-endpoint=127.0.0.1:4317",
        "--exporter=blackhole",
        "--debug-log=logs",
        "--debug-log-verbosity=detailed",
        "--pid-file",
        &pid,
    ];
    denied(&stage, "app=x", 2);
    eventually("it fails as long as nobody is there", || {
        Ok(export(&stage, "export.otlp")["error"].is_string())
    })
    .expect("an error");
    let rotel = Running::start(&stage.lab, &state.join("rotel.log"), collector, &args);
    eventually("the collector has it", || {
        Ok(rotel.printed().contains("cofferdam.rule.name"))
    })
    .expect("a record");
    allowed(&stage);
    let printed = rotel.printed();
    for part in [
        "service.name",
        "host.name",
        "denied: ",
        "→ web:7001/tcp by default/other-workloads, 2 times",
        "destination.port",
        "7001",
        "network.transport",
        "cofferdam.from.labels",
        "app=x",
        "cofferdam.verdict",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    assert!(!printed.contains("allowed: "), "{printed}");
    eventually("it is taken", || Ok(export(&stage, "export.otlp")["sent"] == 1)).expect("taken");
}

/// G-EXPORT: each line is what `flows --json` prints, also after logrotate moved the file away and after the reader of a
/// socket was away.
#[test]
fn root_json_lines_are_what_flows_prints() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, moved) = (
        folder.path().join("flows.jsonl"),
        folder.path().join("flows.jsonl.1"),
    );
    let stage = stage(&format!("[export.json]\npath = \"{}\"\n", file.display()));
    let told = |filter: &str| -> Vec<Value> {
        let answer = stage.lab.json(&["flows", filter, "--limit", "0"]).expect("flows");
        answer["flows"].as_array().expect("flows").clone()
    };
    let lines = |file: &Path| -> Vec<Value> {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    };
    denied(&stage, "app=x", 5);
    allowed(&stage);
    eventually("a line", || Ok(lines(&file) == told("--denied"))).expect("the same");
    assert_eq!(lines(&file)[0]["repeats"], 5);
    let pid = Pid::from_raw(i32::try_from(stage.daemon.pid()).expect("a pid"));
    let rotation = format!(
        "{} {{\n rotate 7\n missingok\n postrotate\n  kill -HUP {pid}\n endscript\n}}\n",
        file.display()
    );
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("logrotate.conf"), rotation).expect("a configuration");
    let args = [
        "--force",
        "--state",
        &path("logrotate.state"),
        &path("logrotate.conf"),
    ];
    let rotated = stage
        .lab
        .host
        .run("/usr/sbin/logrotate", &args)
        .expect("logrotate");
    assert!(rotated.success() && moved.exists(), "{rotated}");
    stage.daemon.wait_for("configuration reloaded").expect("a reload");
    denied(&stage, "app=y", 1);
    let both = || [lines(&moved), lines(&file)].concat();
    eventually("a line in a new file", || Ok(both() == told("--denied"))).expect("the same");
    assert_eq!((lines(&moved).len(), lines(&file).len()), (1, 1));

    let socket = folder.path().join("s");
    let config = format!(
        "[export.json]\nsocket = \"{}\"\nflows = \"all\"\n",
        socket.display()
    );
    fs::write(&stage.lab.paths.config, config).expect("a configuration");
    kill(pid, Signal::SIGHUP).expect("SIGHUP");
    eventually("the other export runs", || {
        Ok(export(&stage, "export.json")["target"] == socket.display().to_string())
    })
    .expect("a reload");
    denied(&stage, "app=z", 1);
    eventually("nobody reads", || {
        Ok(export(&stage, "export.json")["error"].is_string())
    })
    .expect("an error");
    allowed(&stage);
    let listener = UnixListener::bind(&socket).expect("a socket");
    let (stream, _) = listener.accept().expect("the daemon");
    let mut read = BufReader::new(stream).lines();
    let mut next =
        || -> Value { serde_json::from_str(&read.next().expect("a line").expect("a line")).expect("JSON") };
    let first = next();
    assert_eq!(
        first,
        *told("--denied").last().expect("a denial"),
        "what waited comes first"
    );
    let second = next();
    assert_eq!(
        (&second["verdict"], &second["to"]["name"]),
        (&"allow".into(), &"web".into())
    );
}

/// G-EXPORT: a log server that reads JSON finds each part of a record by its name.
#[test]
fn root_a_log_server_reads_json_lines() {
    let stage = stage("[export.json]\ntcp = \"127.0.0.1:5170\"\n");
    let state = &stage.lab.paths.state;
    let path = |name: &str| state.join(name).display().to_string();
    let config = format!(
        "@version: current\n\
         source s {{ network(ip(\"127.0.0.1\") transport(\"tcp\") port(5170) flags(no-parse)); }};\n\
         parser p {{ json-parser(prefix(\".flow.\")); }};\n\
         destination d {{ file(\"{}\" template(\"${{.flow.verdict}} ${{.flow.from.labels.app}} ${{.flow.to.name}} \
         ${{.flow.destination}} ${{.flow.rule.name}} ${{.flow.repeats}}\\n\")); }};\n\
         log {{ source(s); parser(p); destination(d); }};\n",
        path("flows.txt")
    );
    fs::write(path("syslog-ng.conf"), config).expect("a configuration");
    let args = [
        "--foreground",
        "--no-caps",
        "--cfgfile",
        &path("syslog-ng.conf"),
        "--persist-file",
        &path("syslog-ng.persist"),
        "--pidfile",
        &path("syslog-ng.pid"),
        "--control",
        &path("syslog-ng.ctl"),
    ];
    let server = Running::start(
        &stage.lab,
        &state.join("syslog-ng.log"),
        "/usr/sbin/syslog-ng",
        &args,
    );
    denied(&stage, "app=x", 4);
    allowed(&stage);
    let wanted = format!("deny x web {WEB} default/other-workloads 4\n");
    eventually("the server wrote it", || {
        Ok(fs::read_to_string(path("flows.txt")).is_ok_and(|text| text == wanted))
    })
    .unwrap_or_else(|error| {
        panic!(
            "{error}: {:?}; {}",
            fs::read_to_string(path("flows.txt")),
            server.printed()
        )
    });
}

/// G-EXPORT: who takes connections and then says nothing holds up neither verdicts nor answers nor the end.
#[test]
fn root_a_receiver_that_hangs_holds_up_nothing() {
    let mut stage = stage(
        "[export.otlp]\nendpoint = \"http://127.0.0.1:4318\"\nflows = \"all\"\n[[webhook]]\nurl = \"http://127.0.0.1:4318\"\n",
    );
    let bind = || std::net::TcpListener::bind("127.0.0.1:4318");
    let _silent = stage
        .lab
        .host
        .within(bind)
        .expect("a thread")
        .expect("a listener");
    denied(&stage, "app=x", 2);
    eventually("a request is given up", || {
        let error = export(&stage, "export.otlp")["error"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        Ok(error.contains("timeout"))
    })
    .expect("an error");
    let attempts = stage.run_tries("app=x", Kind::Tcp, WEB, 20);
    let slowest = attempts.attempts.iter().map(|one| one.ms).fold(0.0, f64::max);
    assert!(attempts.all_refused() && slowest < 100.0, "{slowest} ms");
    let start = Instant::now();
    export(&stage, "webhook-1");
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    let start = Instant::now();
    stage.daemon.end(Signal::SIGTERM).expect("the daemon ends");
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

/// Answers the first request with 503 and keeps every body that it takes.
const WEBHOOK: &str = r#"
import http.server, sys
class Hook(http.server.BaseHTTPRequestHandler):
    busy = True
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if Hook.busy:
            Hook.busy = False
            self.send_response(503)
        else:
            assert self.headers["content-type"] == "application/json" and self.headers["authorization"] == "Bearer s3cret"
            open(sys.argv[1], "ab").write(body + b"\n")
            self.send_response(204)
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[2])), Hook)
if len(sys.argv) > 3:
    import ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"#;

/// G-EXPORT: the first denial of a kind, a refused policy and a hook that somebody took off are one alert each; the address,
/// whose path is a password, is not shown.
#[test]
fn root_webhooks_tell_what_is_news() {
    let stage = stage(
        "[[webhook]]\nurl = \"http://127.0.0.1:8080/services/T0PS3CRET\"\nheaders = { Authorization = \"Bearer s3cret\" }\n",
    );
    let bodies = stage.lab.paths.state.join("bodies");
    let server = Running::start(
        &stage.lab,
        &stage.lab.paths.state.join("webhook.log"),
        "python3",
        &["-c", WEBHOOK, &bodies.display().to_string(), "8080"],
    );
    let alerts = || -> Vec<Value> {
        let text = fs::read_to_string(&bodies).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    };
    let count = |wanted: usize| {
        eventually(&format!("{wanted} alerts"), || Ok(alerts().len() == wanted)).unwrap_or_else(|error| {
            panic!(
                "{error}: {:?}; {}; {}",
                alerts(),
                server.printed(),
                stage.daemon.log()
            )
        });
    };
    denied(&stage, "app=x", 3);
    count(1);
    denied(&stage, "app=x", 1);
    denied(&stage, "app=y", 1);
    count(2);
    let first = alerts()[0].clone();
    assert_eq!(
        (&first["alert"], &first["version"]),
        (&"first-denial".into(), &1.into())
    );
    let text = first["text"].as_str().expect("a text");
    assert!(
        text.starts_with("Cofferdam on ")
            && text.contains("→ web:7001/tcp by default/other-workloads, 3 times; allow with: "),
        "{text}"
    );
    assert_eq!(first["flow"]["to"]["name"], "web");

    let bad = stage.lab.paths.policies.join("bad.yaml");
    fs::write(&bad, "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicies\n").expect("a file");
    count(3);
    let policy = alerts()[2].clone();
    assert_eq!(policy["alert"], "policy-error");
    assert!(
        policy["text"]
            .as_str()
            .is_some_and(|text| text.contains("bad.yaml:2:")),
        "{policy}"
    );

    let host = &stage.lab.host;
    let pins = stage.lab.paths.bpffs.display().to_string();
    let link = host
        .must("find", &[&pins, "-name", "*-on_connect6"])
        .expect("a link");
    host.must("bpftool", &["link", "detach", "pinned", link.trim()])
        .expect("bpftool");
    count(4);
    let risk = alerts()[3].clone();
    assert_eq!(
        (&risk["alert"], &risk["risk"]),
        (&"enforcement-at-risk".into(), &"hook".into())
    );
    let link = host
        .must("find", &[&pins, "-name", "*-on_ingress"])
        .expect("a link");
    let link = link.lines().next().expect("a protected cgroup");
    host.must("bpftool", &["link", "detach", "pinned", link])
        .expect("bpftool");
    count(5);
    let folder = alerts()[4]["text"]
        .as_str()
        .is_some_and(|text| text.contains("a packet program of /"));
    assert!(folder, "{:?}", alerts()[4]);
    stage.lab.cofferdam(&["off"]).expect("off");
    count(6);
    let status = stage.lab.json(&["status"]).expect("status").to_string();
    assert!(
        status.contains("http://127.0.0.1:8080") && status.contains("connect6"),
        "{status}"
    );
    for shown in [status, stage.daemon.log()] {
        assert!(!shown.contains("S3CRET") && !shown.contains("s3cret"), "{shown}");
    }
}

/// A daemon that another program starts, once it is ready.
fn daemon_by(lab: &Lab, starter: &[&str]) -> Running {
    let program = binaries::cofferdam().expect("cofferdam").display().to_string();
    let flags = lab.paths.flags();
    let mut args = starter[1..].to_vec();
    args.extend([program.as_str(), "daemon"]);
    args.extend(flags.iter().map(String::as_str));
    let daemon = Running::start(lab, &lab.paths.state.join("daemon.log"), starter[0], &args);
    eventually("the daemon is ready", || {
        Ok(daemon.printed().contains(" ready in "))
    })
    .unwrap_or_else(|error| panic!("{error}: {}", daemon.printed()));
    daemon
}

/// G-EXPORT, G-METRICS: the capabilities that the unit leaves are enough for all of it.
#[test]
fn root_the_units_capabilities_are_enough() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/systemd/cofferdam.service");
    let unit = fs::read_to_string(unit).expect("the unit");
    let set = unit
        .lines()
        .find_map(|line| line.strip_prefix("CapabilityBoundingSet="));
    let set = set
        .expect("a bounding set")
        .to_lowercase()
        .replace("cap_", "+")
        .replace(' ', ",");
    let namespace = format!("cofferdamu{}", std::process::id());
    let file = PathBuf::from(format!("/var/log/{namespace}.jsonl"));
    let mut stage = stage(&format!(
        "[metrics]\nlisten = \"127.0.0.1:9417\"\n[export.journald]\nnamespace = \"{namespace}\"\n\
         [export.json]\npath = \"{}\"\n",
        file.display()
    ));
    let journald = Journald::start(&stage.lab, &namespace);
    stage.daemon.end(Signal::SIGTERM).expect("the daemon ends");
    let bounding = format!("--bounding-set=-all,{set}");
    let inherited = format!("--inh-caps=-all,{set}");
    let daemon = daemon_by(&stage.lab, &["setpriv", &bounding, &inherited, "--no-new-privs"]);
    denied(&stage, "app=x", 1);
    let wrote = eventually("journal and file have it", || {
        let shown = journald.shows(
            &stage.lab,
            &["SYSLOG_IDENTIFIER=cofferdam-flow", "COFFERDAM_VERDICT=deny"],
        );
        Ok(shown.len() == 1 && fs::read_to_string(&file).is_ok_and(|text| text.lines().count() == 1))
    });
    // Whatever came of it.
    let _ = fs::remove_file(&file);
    wrote.unwrap_or_else(|error| panic!("{error}: {}", daemon.printed()));
    let scraped = stage
        .lab
        .host
        .must("curl", &["-sf", "http://127.0.0.1:9417/metrics"])
        .expect("/metrics");
    assert!(scraped.contains("process_resident_memory_bytes"), "{scraped}");
}

/// G-EXPORT: whoever has no certificate that this host trusts gets nothing; whoever has one, does.
#[test]
fn root_https_is_for_who_is_trusted() {
    let mut stage = stage(
        "[[webhook]]\nurl = \"https://127.0.0.1:8443/S3CRET\"\nheaders = { Authorization = \"Bearer s3cret\" }\n",
    );
    let state = stage.lab.paths.state.clone();
    let path = |name: &str| state.join(name).display().to_string();
    let (key, certificate, bodies) = (path("key.pem"), path("certificate.pem"), path("bodies"));
    let make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1 \
                -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE";
    let mut args: Vec<&str> = make.split_whitespace().collect();
    args.extend(["-keyout", &key, "-out", &certificate]);
    let made = stage.lab.host.run("openssl", &args).expect("openssl");
    assert!(made.success(), "{made}");
    let args = ["-c", WEBHOOK, &bodies, "8443", &certificate, &key];
    let server = Running::start(&stage.lab, &state.join("webhook.log"), "python3", &args);
    denied(&stage, "app=x", 1);
    eventually("it is not trusted", || {
        let error = export(&stage, "webhook-1")["error"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        Ok(error.contains("certificate"))
    })
    .unwrap_or_else(|error| panic!("{error}: {}", export(&stage, "webhook-1")));
    assert!(!Path::new(&bodies).exists(), "it got something");

    stage.daemon.end(Signal::SIGTERM).expect("the daemon ends");
    let trusted = format!("SSL_CERT_FILE={certificate}");
    let daemon = daemon_by(&stage.lab, &["env", &trusted, "COFFERDAM_LOG=trace"]);
    denied(&stage, "app=x", 1);
    eventually("it is trusted", || {
        Ok(fs::read_to_string(&bodies).is_ok_and(|text| text.contains("first-denial")))
    })
    .unwrap_or_else(|error| panic!("{error}: {}; {}", server.printed(), daemon.printed()));
    let log = daemon.printed().to_lowercase();
    assert!(log.contains("trace") && !log.contains("s3cret"), "{log}");
}
