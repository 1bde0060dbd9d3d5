//! Who services are that do not say it: `app` and `role` from their names, images and calls, as an override of their compose
//! file.

use std::collections::{BTreeMap, BTreeSet};

use cofferdam_audit::kind_of_image;
use cofferdam_audit::model::{NetworkMode, Service};
use cofferdam_policy::{Labels, labels};

use crate::evidence::some;
use crate::yaml::Text;

#[cfg(test)]
mod tests;

/// The services of one compose project, by their names in it.
pub type Services<'a> = BTreeMap<String, &'a Service>;

/// Who calls whom, by the names of services.
pub type Calls = BTreeSet<(String, String)>;

/// What is proposed for one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The project.
    pub project: String,
    /// Services that do not say who they are, by name.
    pub services: Vec<Proposed>,
    /// Services that do, or that are nobody's peer, and why nothing is proposed for them.
    pub left: Vec<(String, String)>,
}

/// Labels for one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// Its name.
    pub service: String,
    /// Key, value, and why.
    pub labels: Vec<(String, String, String)>,
}

/// Images that are no database: beginnings of their names, and what they are for.
const ROLES: [(&str, &[&str]); 6] = [
    ("cache", &["redis", "valkey", "keydb", "dragonfly", "varnish"]),
    (
        "proxy",
        &[
            "nginx",
            "traefik",
            "caddy",
            "haproxy",
            "envoy",
            "swag",
            "httpd",
            "apache",
            "openresty",
            "pomerium",
            "cloudflared",
            "nginx-proxy-manager",
        ],
    ),
    (
        "monitoring",
        &[
            "prometheus",
            "grafana",
            "alertmanager",
            "loki",
            "promtail",
            "telegraf",
            "cadvisor",
            "node-exporter",
            "blackbox-exporter",
            "netdata",
            "uptime-kuma",
            "zabbix",
            "otel",
            "opentelemetry",
            "jaeger",
            "tempo",
            "vector",
            "fluent-bit",
            "fluentd",
        ],
    ),
    ("storage", &["minio", "seaweedfs", "garage"]),
    (
        "mail",
        &["mailhog", "mailpit", "postfix", "maildev", "docker-mailserver"],
    ),
    ("search", &["meilisearch", "typesense", "solr"]),
];

/// What the audit calls an image, as a role.
const KINDS: [(&str, &str); 4] = [
    ("database", "database"),
    ("cache", "cache"),
    ("broker", "queue"),
    ("administration", "admin"),
];

/// The name of a project's override: a label gives the project's name, and it is not to lead out of the folder.
#[must_use]
pub fn file_name(project: &str, what: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    format!("{}.{what}.yaml", project.replace(|c| !plain(c), "-"))
}

/// Proposes labels for every service without identity. `calls` are those that were seen; what the services' own settings say of
/// each other is added.
#[must_use]
pub fn propose(project: &str, services: &Services<'_>, calls: &Calls) -> Proposal {
    let mut calls = calls.clone();
    calls.extend(configured(services));
    let mut proposal = Proposal {
        project: project.to_owned(),
        services: Vec::new(),
        left: Vec::new(),
    };
    for (name, service) in services {
        match reason_to_leave(service) {
            Some(why) => proposal.left.push((name.clone(), why)),
            None => {
                let copies = copies(name, services);
                let labels = [
                    app(project, name, &copies, services),
                    role(name, &copies, services, &calls),
                ];
                proposal.services.push(Proposed {
                    service: name.clone(),
                    labels: labels.into_iter().flatten().collect(),
                });
            }
        }
    }
    proposal
}

fn reason_to_leave(service: &Service) -> Option<String> {
    let given: Labels = service
        .labels
        .iter()
        .map(|(key, value)| (key.value.clone(), value.clone()))
        .collect();
    let identity = labels::identity_labels(&given, &[]);
    if let Some((key, value)) = identity.iter().next() {
        return Some(format!("it says who it is: {key}={value}"));
    }
    if labels::directives(&given).protect == Some(false) {
        return Some("it asks not to be protected".to_owned());
    }
    let mode = service.network_mode.as_ref().map(|mode| &mode.value);
    (mode == Some(&NetworkMode::None)).then(|| "it has no network".to_owned())
}

type Label = (String, String, String);

/// Services of the same image whose names differ by a number alone; itself at least.
fn copies<'a>(name: &'a str, services: &'a Services<'_>) -> Vec<&'a str> {
    let image = |name: &str| {
        let image = services.get(name).and_then(|one| one.image.as_ref());
        image.map(|image| &image.value)
    };
    let own = image(name);
    let is_copy =
        |other: &&str| *other == name || own.is_some() && stem(other) == stem(name) && image(other) == own;
    services.keys().map(String::as_str).filter(is_copy).collect()
}

/// `worker` of `worker-2`.
fn stem(name: &str) -> &str {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let stem = stem.trim_end_matches(['-', '_']);
    if stem.is_empty() { name } else { stem }
}

/// What it is: its name, without the project's and without the number of one of several copies.
fn app(project: &str, name: &str, copies: &[&str], services: &Services<'_>) -> Option<Label> {
    let (base, why) = match copies {
        [_] => (name, "its name".to_owned()),
        _ => (stem(name), format!("copies of one: {}", some(copies.iter()))),
    };
    let short = base.strip_prefix(project);
    let short = short.map(|rest| rest.trim_start_matches(['-', '_']));
    let is_free = |rest: &&str| !rest.is_empty() && !services.contains_key(*rest);
    let value = short.filter(is_free).unwrap_or(base);
    Some(("app".to_owned(), value.to_owned(), why))
}

/// What it is for: what its image is known for, else where it and its copies stand among the others.
fn role(name: &str, copies: &[&str], services: &Services<'_>, calls: &Calls) -> Option<Label> {
    let label = |value: &str, why: String| Some(("role".to_owned(), value.to_owned(), why));
    if let Some((role, image)) = services.get(name).and_then(|service| role_of_image(service)) {
        return label(role, format!("image {image}"));
    }
    let is_copy = |name: &String| copies.contains(&name.as_str());
    let callers = calls.iter().filter(|(from, to)| is_copy(to) && !is_copy(from));
    let callers: BTreeSet<&String> = callers.map(|(from, _)| from).collect();
    let called = calls.iter().filter(|(from, to)| is_copy(from) && !is_copy(to));
    let called: BTreeSet<&String> = called.map(|(_, to)| to).collect();
    let mut own = copies.iter().filter_map(|name| services.get(*name));
    let is_published = own.any(|service| !service.ports.is_empty());
    match (callers.is_empty(), called.is_empty(), is_published) {
        (_, false, true) => label(
            "frontend",
            format!("published, and calls {}", some(called.iter())),
        ),
        (false, ..) => label("backend", format!("called by {}", some(callers.iter()))),
        (true, false, false) => label(
            "worker",
            format!("calls {}, and nobody calls it", some(called.iter())),
        ),
        (true, true, _) => None,
    }
}

fn role_of_image(service: &Service) -> Option<(&'static str, &str)> {
    let image = service.image_name()?;
    let is = |name: &&str| {
        image
            .strip_prefix(*name)
            .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    if let Some((role, _)) = ROLES.iter().find(|(_, names)| names.iter().any(&is)) {
        return Some((role, image));
    }
    let kind = kind_of_image(service)?;
    let (_, role) = KINDS.iter().find(|(one, _)| *one == kind)?;
    Some((role, image))
}

/// Services that name each other in their environment or `links`.
fn configured(services: &Services<'_>) -> Calls {
    let mut calls = Calls::new();
    for (from, service) in services {
        let values = service
            .environment
            .iter()
            .filter_map(|(key, value)| Some((&key.value, value.as_ref()?)));
        for (key, value) in values {
            let named = services.keys().filter(|to| names_host(key, value, to));
            calls.extend(named.map(|to| (from.clone(), to.clone())));
        }
        for link in &service.links {
            let to = link.value.split(':').next().unwrap_or_default();
            if services.contains_key(to) {
                calls.insert((from.clone(), to.to_owned()));
            }
        }
    }
    calls
}

/// Whether a setting holds a host of this name: `db:5432`, `postgres://u:p@db/x`, or alone where its key says that it is one.
fn names_host(key: &str, value: &str, host: &str) -> bool {
    const WORDS: [&str; 6] = ["HOST", "SERVER", "ADDR", "URL", "BROKER", "ENDPOINT"];
    if value == host {
        let key = key.to_ascii_uppercase();
        return WORDS.iter().any(|word| key.contains(word));
    }
    value.match_indices(host).any(|(at, _)| {
        let before = &value[..at];
        let is_authority = before.ends_with("//") || before.ends_with('@');
        let is_item = before.is_empty() || before.ends_with([',', '=']);
        let mut behind = value[at + host.len()..].chars();
        match behind.next() {
            None | Some('/' | ',' | '?') => is_authority,
            Some(':') => (is_authority || is_item) && behind.next().is_some_and(|c| c.is_ascii_digit()),
            Some(_) => false,
        }
    })
}

// === impl Proposal ===

impl Proposal {
    /// The name of the override.
    #[must_use]
    pub fn file_name(&self) -> String {
        file_name(&self.project, "labels")
    }

    /// The override: compose lays it over the project's own file.
    #[must_use]
    pub fn yaml(&self) -> String {
        let mut text = Text::default();
        text.comment(0, "Who each service is, as `cofferdam learn --labels` proposes it. Change what is wrong: services with \
             equal labels talk to each other, others do not until a label or a policy opens them.");
        text.comment(0, "`cofferdam.mode: observe` denies nothing meanwhile. Take those lines out when the policies are in force.");
        text.line(0, "services:");
        for one in &self.services {
            text.key(1, &one.service);
            text.line(2, "labels:");
            for (key, value, why) in &one.labels {
                text.pair(3, key, value, why);
            }
            text.pair(3, "cofferdam.mode", "observe", "");
        }
        text.0
    }
}
