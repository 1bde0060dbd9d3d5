//! The same services as `docker compose config` prints, for every file that it accepts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cofferdam_audit::model::{NetworkMode, Service};
use serde_json::Value;

/// So many files of the corpus were accepted by compose 2.40.3.
const ACCEPTED: usize = 400;

/// The compose to compare with: the one that `cargo xtask setup` fetched, or one of version 2 on this machine.
pub(crate) fn binary() -> Option<PathBuf> {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/compose/docker-compose");
    let named = std::env::var_os("COFFERDAM_COMPOSE").map(PathBuf::from);
    let candidates = named.into_iter().chain([
        fetched,
        "/usr/libexec/docker/cli-plugins/docker-compose".into(),
        "/usr/lib/docker/cli-plugins/docker-compose".into(),
        "docker-compose".into(),
    ]);
    candidates.into_iter().find(|path| {
        let output = Command::new(path).arg("version").stderr(Stdio::null()).output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(" v2."))
    })
}

pub(crate) fn agree(root: &Path, binary: &Path) -> Result<(), String> {
    let files = super::files(root)?;
    let half = files.len().div_ceil(2);
    let results: Vec<(usize, Vec<String>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = files
            .chunks(half)
            .map(|chunk| scope.spawn(move || compare(root, binary, chunk)))
            .collect();
        threads
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .collect()
    });
    let accepted: usize = results.iter().map(|(accepted, _)| accepted).sum();
    let wrong: Vec<String> = results.into_iter().flat_map(|(_, wrong)| wrong).collect();
    println!(
        "{accepted} of {} files are accepted by {}",
        files.len(),
        binary.display()
    );
    if accepted < ACCEPTED {
        return Err(format!(
            "only {accepted} files are accepted, there should be {ACCEPTED}"
        ));
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}

fn compare(root: &Path, binary: &Path, files: &[String]) -> (usize, Vec<String>) {
    let (mut accepted, mut wrong) = (0, Vec::new());
    for file in files {
        let path = root.join("compose").join(file);
        let output = Command::new(binary)
            .arg("-f")
            .arg(&path)
            .args(["--profile", "*", "config", "--format", "json"])
            .env_clear()
            .env("HOME", "/")
            .env("PATH", "/usr/bin:/bin")
            .current_dir("/")
            .output();
        let Ok(output) = output else { continue };
        if !output.status.success() {
            continue;
        }
        let Ok(theirs) = serde_json::from_slice::<Value>(&output.stdout) else {
            continue;
        };
        accepted += 1;
        let ours = super::reading::read(root, file).project;
        let Some(services) = theirs["services"].as_object() else {
            continue;
        };
        let names: BTreeSet<&str> = ours
            .services
            .iter()
            .map(|service| service.name.as_str())
            .collect();
        let wanted: BTreeSet<&str> = services.keys().map(String::as_str).collect();
        if names != wanted || theirs["name"] != *ours.name {
            wrong.push(format!("{file}: {names:?}, compose has {wanted:?}"));
            continue;
        }
        for service in &ours.services {
            let (mine, other) = (facts_of(service), facts_from(&services[&service.name]));
            if mine != other {
                let more: Vec<_> = mine.symmetric_difference(&other).collect();
                wrong.push(format!("{file} {}: {more:?}", service.name));
            }
        }
    }
    (accepted, wrong)
}

/// A service as lines.
fn facts_of(service: &Service) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    let mut add = |name: &str, value: String| {
        facts.insert(format!("{name} {value}"));
    };
    if let Some(image) = service.image.as_ref().filter(|image| !image.value.is_empty()) {
        add("image", image.value.clone());
    }
    if let Some(mode) = &service.network_mode {
        add("mode", mode.value.to_string());
    }
    for port in &service.ports {
        let address = port.host_ip.map_or_else(String::new, |ip| ip.to_string());
        for (published, target) in port.pairs() {
            let published = published.map_or_else(String::new, |range| range.to_string());
            add(
                "port",
                format!("{address} {published} {target} {}", port.protocol),
            );
        }
    }
    for mount in &service.mounts {
        let kind = format!("{:?}", mount.kind).to_lowercase();
        // Compose puts the home of whoever runs it in; here that is `/`.
        let source = mount.source.clone().unwrap_or_default().replacen("~/", "/", 1);
        add(
            "mount",
            format!("{kind} {source} {} {}", mount.target, mount.read_only),
        );
    }
    for (name, list) in [
        ("cap_add", &service.cap_add),
        ("cap_drop", &service.cap_drop),
        ("security", &service.security),
    ] {
        list.iter().for_each(|item| add(name, item.value.clone()));
    }
    for (name, value) in [
        ("pid", &service.pid),
        ("ipc", &service.ipc),
        ("uts", &service.uts),
        ("user", &service.user),
    ] {
        if let Some(value) = value {
            add(name, value.value.clone());
        }
    }
    if service.privileged.is_some() {
        add("privileged", String::new());
    }
    for (name, address) in &service.extra_hosts {
        add("host", format!("{}={address}", name.value));
    }
    for usage in service
        .networks
        .iter()
        .filter(|usage| usage.name.value != "default")
    {
        add("network", usage.name.value.clone());
    }
    facts
}

/// The same of what compose prints. It writes `$$` for a dollar, keeps `UDP` in capitals, and names the network
/// `default` where a service names none; that one is left out on both sides.
fn facts_from(service: &Value) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    let mut add = |name: &str, value: String| {
        facts.insert(format!("{name} {}", value.replace("$$", "$")));
    };
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let items = |key: &str| service[key].as_array().cloned().unwrap_or_default();
    for key in ["image", "pid", "ipc", "uts", "user"] {
        if service[key].as_str().is_some_and(|value| !value.is_empty()) {
            add(key, text(&service[key]));
        }
    }
    if let Some(mode) = service["network_mode"].as_str() {
        add("mode", NetworkMode::parse(mode).to_string());
    }
    for port in items("ports") {
        let protocol = text(&port["protocol"]).to_lowercase();
        add(
            "port",
            format!(
                "{} {} {} {protocol}",
                text(&port["host_ip"]),
                text(&port["published"]),
                text(&port["target"])
            ),
        );
    }
    for mount in items("volumes") {
        let read_only = mount["read_only"] == true;
        add(
            "mount",
            format!(
                "{} {} {} {read_only}",
                text(&mount["type"]),
                text(&mount["source"]),
                text(&mount["target"])
            ),
        );
    }
    for (name, key) in [
        ("cap_add", "cap_add"),
        ("cap_drop", "cap_drop"),
        ("security", "security_opt"),
        ("host", "extra_hosts"),
    ] {
        items(key).iter().for_each(|item| add(name, text(item)));
    }
    if service["privileged"] == true {
        add("privileged", String::new());
    }
    for (name, _) in service["networks"].as_object().into_iter().flatten() {
        if name != "default" {
            add("network", name.clone());
        }
    }
    facts
}
