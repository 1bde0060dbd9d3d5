//! `service_flags.json`: what somebody else read out of the same files. Where the two differ is written down in
//! docs/audit.md and here, one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cofferdam_audit::known_port;
use cofferdam_audit::model::{Estate, NetworkMode, Place, Service, capability};

/// What only one of the two has: file, service, flag, and who.
const DIFFERENCES: &[(&str, &str, &str, &str)] = &[
    // A file of version 1, without `services:`; the other reading leaves it out.
    (
        "weaveworks+scope/examples/docker/docker-compose-probe-v1.yml",
        "probe",
        "docker_sock",
        "ours",
    ),
    (
        "weaveworks+scope/examples/docker/docker-compose-probe-v1.yml",
        "probe",
        "host",
        "ours",
    ),
    (
        "weaveworks+scope/examples/docker/docker-compose-probe-v1.yml",
        "probe",
        "pid_host",
        "ours",
    ),
    (
        "weaveworks+scope/examples/docker/docker-compose-probe-v1.yml",
        "probe",
        "privileged",
        "ours",
    ),
    // `network_mode: default` is the default bridge.
    (
        "IceWhaleTech+CasaOS-AppStore/Apps/Twingate/docker-compose.yml",
        "twingate-connector",
        "nm_bridge",
        "ours",
    ),
];
/// Capabilities that the other reading looks for.
const CAPABILITIES: &[&str] = &["NET_ADMIN", "NET_RAW", "SYS_ADMIN"];

type Flags = BTreeMap<(String, String), BTreeSet<String>>;

pub(crate) fn agree(root: &Path) -> Result<(), String> {
    let theirs = theirs(root)?;
    let mut ours = Flags::new();
    for file in super::files(root)? {
        let project = super::reading::read(root, &file).project;
        let estate = Estate {
            projects: vec![project],
            ..Estate::default()
        };
        for place in estate.places() {
            let flags = flags(place);
            // The other list names a service only if it has a flag besides an ordinary open port.
            if flags
                .iter()
                .any(|flag| !matches!(flag.as_str(), "ports" | "pub_wild"))
            {
                ours.insert((file.clone(), place.service.name.clone()), flags);
            }
        }
    }
    let mut wrong = Vec::new();
    let nothing = BTreeSet::new();
    let keys: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    for key in keys {
        let mine = ours.get(key).unwrap_or(&nothing);
        let other = theirs.get(key).unwrap_or(&nothing);
        for (flag, who) in mine
            .difference(other)
            .map(|f| (f, "ours"))
            .chain(other.difference(mine).map(|f| (f, "theirs")))
        {
            let explained = DIFFERENCES.contains(&(key.0.as_str(), key.1.as_str(), flag.as_str(), who));
            if !explained {
                wrong.push(format!("{} {}: {flag} is {who} alone", key.0, key.1));
            }
        }
    }
    println!(
        "{} services, {} explained differences",
        theirs.len(),
        DIFFERENCES.len()
    );
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}

fn theirs(root: &Path) -> Result<Flags, String> {
    let text = std::fs::read_to_string(root.join("service_flags.json")).map_err(|error| error.to_string())?;
    let list: Vec<serde_json::Value> = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut flags = Flags::new();
    for item in &list {
        let file = format!(
            "{}/{}",
            word(&item["repo"]).replace('/', "+"),
            word(&item["path"])
        );
        let names = item["flags"].as_array().into_iter().flatten().map(word);
        flags
            .entry((file, word(&item["service"])))
            .or_default()
            .extend(names);
    }
    Ok(flags)
}

fn flags(place: Place<'_>) -> BTreeSet<String> {
    let service = place.service;
    let mode = service.network_mode.as_ref().map(|mode| &mode.value);
    let joined = matches!(mode, Some(NetworkMode::Service(_) | NetworkMode::Container(_)));
    let is = |setting: &Option<cofferdam_audit::Located<String>>, value: &str| {
        setting.as_ref().is_some_and(|setting| setting.value == value)
    };
    let wild = service
        .ports
        .iter()
        .any(cofferdam_audit::model::Port::is_wildcard);
    let option = |word: &str| service.security.iter().any(|option| option.value.contains(word));
    let all = [
        ("host", mode == Some(&NetworkMode::Host)),
        ("none", mode == Some(&NetworkMode::None)),
        ("nm_bridge", mode == Some(&NetworkMode::Bridge)),
        ("joined", joined),
        ("privileged", service.privileged.is_some()),
        ("cap_drop", !service.cap_drop.is_empty()),
        (
            "cap_drop_all",
            service.cap_drop.iter().any(|cap| capability(&cap.value) == "ALL"),
        ),
        ("docker_sock", socket(service, false)),
        ("docker_sock_ro", socket(service, true)),
        ("ports", !service.ports.is_empty()),
        ("pub_wild", wild),
        (
            "pub_loop",
            service
                .ports
                .iter()
                .any(cofferdam_audit::model::Port::is_loopback),
        ),
        (
            "host_and_ports",
            mode == Some(&NetworkMode::Host) && !service.ports.is_empty(),
        ),
        ("db_pub_wild", database(service)),
        ("nnp", option("no-new-privileges")),
        ("unconfined", option("unconfined")),
        ("pid_host", is(&service.pid, "host")),
        ("ipc_host", is(&service.ipc, "host")),
        ("sysctls", !service.sysctls.is_empty()),
        ("links", !service.links.is_empty()),
        (
            "host_gateway",
            service
                .extra_hosts
                .iter()
                .any(|(_, address)| address == "host-gateway"),
        ),
    ];
    let mut flags: BTreeSet<String> = all
        .iter()
        .filter(|(_, set)| *set)
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let named = service.cap_add.iter().map(|cap| capability(&cap.value));
    flags.extend(
        named
            .filter(|cap| CAPABILITIES.contains(&cap.as_str()))
            .map(|cap| format!("cap_{cap}")),
    );
    flags
}

fn socket(service: &Service, read_only: bool) -> bool {
    service.mounts.iter().any(|mount| {
        let named = |path: &str| path.ends_with("docker.sock");
        (mount.source.as_deref().is_some_and(named) || named(&mount.target))
            && (!read_only || mount.read_only)
    })
}

/// The other reading knows databases only, the rule `database-publish` brokers and administration too.
fn database(service: &Service) -> bool {
    let open = service.ports.iter().filter(|port| port.is_wildcard());
    open.flat_map(|port| port.target.first..=port.target.last)
        .any(|port| known_port(service, port).is_some_and(|(known, _)| known.kind == "database"))
}
