//! What `/metrics` serves, by a real Prometheus that scrapes it.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use cofferdam_tests::lab::Lab;
use cofferdam_tests::probe::Kind;
use cofferdam_tests::walkthrough::scene::eventually;
use serde_json::Value;

mod stage;

use stage::Stage;

const LISTEN: &str = "127.0.0.1:9417";
const PROMETHEUS: &str = "127.0.0.1:9090";

/// A Prometheus on the lab's host; it ends with this.
struct Prometheus<'l> {
    lab: &'l Lab,
    process: Child,
    _folder: tempfile::TempDir,
}

impl<'l> Prometheus<'l> {
    /// With the configuration that is shipped, but for how often it looks.
    fn start(lab: &'l Lab) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let shipped = dist("prometheus");
        let config = fs::read_to_string(shipped.join("prometheus.yml")).expect("prometheus.yml");
        let config = format!("global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n{config}");
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config).expect("a configuration");
        let rules = fs::read_to_string(shipped.join("alerts.yml")).expect("alerts.yml");
        // Nobody waits for minutes in a test.
        let rules: Vec<_> = rules
            .lines()
            .filter(|line| !line.trim_start().starts_with("for: "))
            .collect();
        fs::write(folder.path().join("alerts.yml"), rules.join("\n")).expect("rules");
        let args = [
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", folder.path().join("data").display()),
            format!("--web.listen-address={PROMETHEUS}"),
        ];
        let mut command = lab.host.command("prometheus", &args);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = lab.host.spawn(&mut command).expect("prometheus");
        let started = Self {
            lab,
            process,
            _folder: folder,
        };
        eventually("Prometheus scrapes the daemon", || {
            Ok(started.number("up{job=\"cofferdam\"}") == Some(1.0))
        })
        .expect("a scrape");
        started
    }

    fn get(&self, path: &str, query: &str) -> Value {
        let url = format!("http://{PROMETHEUS}/api/v1/{path}");
        let query = format!("query={query}");
        let args = [
            "-s",
            "--max-time",
            "10",
            "--get",
            "--data-urlencode",
            &query,
            &url,
        ];
        let outcome = self.lab.host.run("curl", &args).expect("curl");
        serde_json::from_str(&outcome.stdout).unwrap_or_default()
    }

    /// Labels and value of each series.
    fn ask(&self, query: &str) -> Vec<(Value, f64)> {
        let answer = self.get("query", query);
        let result = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        let value = |one: &Value| one["value"][1].as_str().and_then(|text| text.parse().ok());
        result
            .iter()
            .filter_map(|one| Some((one["metric"].clone(), value(one)?)))
            .collect()
    }

    fn number(&self, query: &str) -> Option<f64> {
        self.ask(query).first().map(|(_, value)| *value)
    }

    fn fires(&self, alert: &str) -> bool {
        let query = format!("ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}");
        !self.ask(&query).is_empty()
    }
}

impl Drop for Prometheus<'_> {
    fn drop(&mut self) {
        // It may have ended by itself; either way no process is left.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn dist(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist").join(name)
}

/// A lab whose daemon has this configuration.
fn stage(config: &str) -> Stage {
    let lab = Lab::new().expect("a lab");
    fs::write(&lab.paths.config, config).expect("a configuration");
    let daemon = lab.daemon(&[]).expect("a daemon");
    Stage { daemon, lab }
}

/// A server, its peers, and a stranger that is denied `denied` times.
fn play(stage: &Stage, denied: u32) {
    let tries = |label, count| stage.run_tries(label, Kind::Tcp, "127.0.0.1:7001", count);
    assert!(tries("app=web", 2).all_answered("web"));
    assert!(tries("app=x", denied).all_refused());
}

fn scraped(stage: &Stage) -> String {
    let socket = stage.lab.paths.socket().display().to_string();
    let args = ["-sf", "--unix-socket", &socket, "http://cofferdam/metrics"];
    stage.lab.host.must("curl", &args).expect("/metrics")
}

/// G-METRICS: Prometheus scrapes a daemon and counts what happened on the host; every panel of the dashboard has data; an
/// alert of the shipped rules fires when there is a reason.
#[test]
fn root_prometheus_scrapes_what_happened() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = folder.path().join("flows.jsonl");
    let stage = stage(&format!(
        "[metrics]\nlisten = \"{LISTEN}\"\n[export.json]\npath = \"{}\"\n",
        lines.display()
    ));
    stage.serve("web", &["-l", "app=web", "--net=host"], "tcp", "127.0.0.1:7001");
    let prometheus = Prometheus::start(&stage.lab);
    play(&stage, 7);
    let pair = "cofferdam_denials_total{from=\"default/app=x\",to=\"default/app=web\",mode=\"enforce\"}";
    eventually("the denials are there", || {
        Ok(prometheus.number(pair) == Some(7.0))
    })
    .expect(pair);
    let allowed = "sum(cofferdam_flows_total{verdict=\"allow\",reason=\"rule\",protocol=\"tcp\"})";
    eventually("and what was allowed", || {
        Ok(prometheus.number(allowed) >= Some(2.0))
    })
    .expect(allowed);
    let denied = "sum(cofferdam_flows_total{verdict=\"deny\",reason=\"rule\",mode=\"enforce\"})";
    assert_eq!(prometheus.number(denied), Some(7.0));
    eventually("processes that ended are gone", || {
        Ok(prometheus.number("cofferdam_workloads{protection=\"enforced\"}") == Some(1.0))
    })
    .expect("one workload");
    assert_eq!(prometheus.number("cofferdam_enforcing"), Some(1.0));
    assert_eq!(prometheus.number("min(cofferdam_hook_attached)"), Some(1.0));
    assert_eq!(prometheus.number("count(cofferdam_hook_attached)"), Some(6.0));
    assert!(prometheus.number("cofferdam_apply_seconds_count") >= Some(2.0));
    assert!(prometheus.number("cofferdam_map_entries{map=\"rows\"}") >= Some(1.0));
    assert!(prometheus.number("max(cofferdam_map_entries / cofferdam_map_max_entries)") < Some(0.8));
    eventually("what was exported is counted", || {
        Ok(prometheus.number("cofferdam_export_sent_total{export=\"export.json\"}") == Some(1.0))
    })
    .expect("a line");
    every_panel_has_data(&prometheus);
    assert_eq!(prometheus.ask("ALERTS{severity!=\"info\"}"), []);

    let bad = stage.lab.paths.policies.join("bad.yaml");
    fs::write(&bad, "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicies\n").expect("a file");
    eventually("a refused file is an alert", || {
        Ok(prometheus.fires("CofferdamPolicyError"))
    })
    .expect("an alert");
    fs::remove_file(&bad).expect("rm");
    eventually("that ends with it", || {
        Ok(!prometheus.fires("CofferdamPolicyError"))
    })
    .expect("no alert");
    let hook = detach_a_hook(&stage);
    eventually("a hook that was taken off is one", || {
        Ok(prometheus.fires("CofferdamHookMissing"))
    })
    .expect("an alert");
    let missing = prometheus.ask("cofferdam_hook_attached == 0");
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!(missing[0].0["hook"], hook);
}

fn every_panel_has_data(prometheus: &Prometheus<'_>) {
    let dashboard = fs::read_to_string(dist("grafana").join("cofferdam.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&dashboard).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    assert!(panels.len() >= 15);
    for panel in panels {
        for target in panel["targets"].as_array().expect("targets") {
            let expression = target["expr"].as_str().expect("an expression");
            let query = expression
                .replace("$__rate_interval", "30s")
                .replace("$__range", "5m")
                .replace("$instance", ".*");
            eventually(&format!("{}: {query}", panel["title"]), || {
                Ok(!prometheus.ask(&query).is_empty())
            })
            .expect("data");
        }
    }
}

/// What root can do with bpftool.
fn detach_a_hook(stage: &Stage) -> &'static str {
    let host = &stage.lab.host;
    let pins = stage.lab.paths.bpffs.display().to_string();
    let found = host
        .must("find", &[&pins, "-name", "*-on_connect6"])
        .expect("a link");
    host.must("bpftool", &["link", "detach", "pinned", found.trim()])
        .expect("bpftool");
    "connect6"
}

/// G-METRICS: the text is as Prometheus' own lint wants it, on the socket and on the address, where nothing else is; the
/// page tells of each metric; pairs beyond the limit have no series.
#[test]
fn root_metrics_are_bounded_and_as_documented() {
    let stage = stage(&format!("[metrics]\nlisten = \"{LISTEN}\"\npairs = 1\n"));
    stage.serve("web", &["-l", "app=web", "--net=host"], "tcp", "127.0.0.1:7001");
    play(&stage, 2);
    for label in ["app=y", "app=z"] {
        stage.run_tries(label, Kind::Tcp, "127.0.0.1:7001", 3);
    }
    let series = |text: &str| -> Vec<String> {
        let lines = text
            .lines()
            .filter(|line| line.starts_with("cofferdam_denials_total"));
        lines.map(str::to_owned).collect()
    };
    eventually("two series", || {
        let mut found = series(&scraped(&stage));
        found.sort();
        Ok(found
            == [
                r#"cofferdam_denials_total{from="default/app=x",to="default/app=web",mode="enforce"} 2"#,
                r#"cofferdam_denials_total{from="other",to="other",mode="enforce"} 6"#,
            ])
    })
    .unwrap_or_else(|error| panic!("{error}: {:?}", series(&scraped(&stage))));
    let host = &stage.lab.host;
    let lint = format!("curl -sf http://{LISTEN}/metrics | promtool check metrics");
    let outcome = host.run("sh", &["-c", &lint]).expect("promtool");
    assert!(outcome.success() && outcome.stderr.is_empty(), "{outcome}");
    let other = format!("curl -s -o /dev/null -w '%{{http_code}}' http://{LISTEN}/v1/status");
    assert_eq!(host.must("sh", &["-c", &other]).expect("curl"), "404");
    let scrapes = |labels: &[&str]| {
        let labels: Vec<_> = labels.iter().flat_map(|label| ["--label", label]).collect();
        let url = format!("http://{LISTEN}/metrics");
        let outcome = stage
            .lab
            .run(&labels, &["curl", "-sf", "--max-time", "5", &url])
            .expect("run");
        outcome.stdout.contains("cofferdam_build_info")
    };
    assert!(!scrapes(&["app=p"]), "the loopback is the host's");
    assert!(
        scrapes(&["app=p", "cofferdam.egress=host:9417/tcp"]),
        "it was opened"
    );

    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let page = fs::read_to_string(page).expect("the page");
    let text = scraped(&stage);
    let served = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let served: Vec<&str> = served.filter_map(|line| line.split(' ').next()).collect();
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    assert!((50..120).contains(&series), "{series} series");
    let told = |name: &&str| page.contains(&format!("| `{name}` |"));
    let untold: Vec<_> = served.iter().filter(|name| !told(name)).collect();
    assert!(untold.is_empty() && served.len() > 30, "{untold:?}");
}

/// Who holds connections to the address open does not use up the daemon's descriptors, and Prometheus gets its turn.
#[test]
fn root_many_connections_do_not_exhaust_the_daemon() {
    let stage = stage(&format!("[metrics]\nlisten = \"{LISTEN}\"\n"));
    let sockets = || {
        let folder = format!("/proc/{}/fd", stage.daemon.pid());
        let files = fs::read_dir(folder).expect("files").flatten();
        let is_socket = |to: PathBuf| to.to_string_lossy().starts_with("socket:");
        files
            .filter(|file| fs::read_link(file.path()).is_ok_and(is_socket))
            .count()
    };
    // As many as the kernel lets wait.
    let open = || -> Vec<_> { (0..120).filter_map(|_| TcpStream::connect(LISTEN).ok()).collect() };
    let held = stage.lab.host.within(open).expect("a thread");
    assert_eq!(held.len(), 120);
    // It opens some for a moment while it starts.
    eventually("few are taken", || Ok((17..60).contains(&sockets()))).expect("few");
    std::thread::sleep(Duration::from_secs(1));
    assert!(sockets() < 60, "{}", sockets());
    drop(held);
    eventually("the address answers again", || {
        let url = format!("http://{LISTEN}/metrics");
        let outcome = stage.lab.host.run("curl", &["-sf", "--max-time", "1", &url])?;
        Ok(outcome.stdout.contains("cofferdam_build_info"))
    })
    .expect("an answer");
}

/// An address that somebody else has is told, and keeps nothing from being enforced.
#[test]
fn root_a_taken_address_is_told() {
    let lab = Lab::new().expect("a lab");
    let taken = cofferdam_tests::probe::serve(&lab.host, "other", "tcp", LISTEN).expect("a server");
    fs::write(&lab.paths.config, format!("[metrics]\nlisten = \"{LISTEN}\"\n")).expect("a configuration");
    let daemon = lab.daemon(&[]).expect("a daemon");
    let status = lab.json(&["status"]).expect("status");
    let warning = status["warnings"][0].as_str().expect("a warning");
    assert!(
        warning.starts_with("metrics are not served on 127.0.0.1:9417: Address already in use")
            && warning.contains("hint: "),
        "{warning}"
    );
    assert!(
        daemon.log().contains("metrics are not served"),
        "{}",
        daemon.log()
    );
    drop(taken);
}
