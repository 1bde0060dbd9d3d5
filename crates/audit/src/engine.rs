//! The engine's own settings: `daemon.json`, and what `/version` and `/info` answer. JSON is read as the YAML that it
//! also is, so that every setting keeps its line.

use std::sync::Arc;

use crate::position::{Located, Note, Position};
use crate::yaml::{self, Node};

#[cfg(test)]
mod tests;

/// What is known of an engine. What nobody said is `None`: rules then stay silent or say what the default does.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Where findings about the engine as a whole stand.
    pub at: Position,
    /// The version, such as 28.2.2.
    pub version: Option<Version>,
    /// It is Podman, with Docker's API.
    pub podman: bool,
    /// It was asked, so that what it does not say is its default.
    pub live: bool,
    /// `hosts`: where its API listens.
    pub hosts: Vec<Located<String>>,
    /// Clients prove who they are (`tlsverify`).
    pub tls_verify: bool,
    /// `iptables`.
    pub iptables: Option<Located<bool>>,
    /// `ip6tables`.
    pub ip6tables: Option<Located<bool>>,
    /// `icc`: containers of the default bridge reach each other.
    pub icc: Option<Located<bool>>,
    /// `userland-proxy`.
    pub userland_proxy: Option<Located<bool>>,
    /// `userns-remap` is set.
    pub userns_remap: Option<Located<bool>>,
    /// `no-new-privileges`.
    pub no_new_privileges: Option<Located<bool>>,
    /// `seccomp-profile`.
    pub seccomp: Option<Located<String>>,
    /// `ip`: the address that published ports take by default.
    pub default_ip: Option<Located<String>>,
    /// `allow-direct-routing`.
    pub direct_routing: Option<Located<bool>>,
    /// It leads or follows a swarm.
    pub swarm: bool,
    /// It runs without root, in a user namespace of its own.
    pub rootless: bool,
    /// What was wrong with the file.
    pub notes: Vec<Note>,
}

/// A version of an engine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

// === impl Version ===

impl Version {
    /// `28.2.2`, `20.10.24+dfsg1`, `v27.0.1-rc.1`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text
            .trim_start_matches('v')
            .split(|c: char| !c.is_ascii_digit())
            .map(str::parse::<u32>);
        let major = numbers.next()?.ok()?;
        let mut next = || numbers.next().and_then(Result::ok).unwrap_or(0);
        Some(Self(major, next(), next()))
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{}.{}", self.0, self.1, self.2)
    }
}

// === impl Engine ===

impl Engine {
    /// An engine of which nothing is known.
    pub fn unknown(at: Position) -> Self {
        Self {
            at,
            version: None,
            podman: false,
            live: false,
            hosts: Vec::new(),
            tls_verify: false,
            iptables: None,
            ip6tables: None,
            icc: None,
            userland_proxy: None,
            userns_remap: None,
            no_new_privileges: None,
            seccomp: None,
            default_ip: None,
            direct_routing: None,
            swarm: false,
            rootless: false,
            notes: Vec::new(),
        }
    }

    /// Reads a `daemon.json`.
    pub fn read_configuration(file: &str, bytes: &[u8]) -> Self {
        let mut engine = Self::unknown(Position::start(file));
        engine.add_configuration(file, bytes);
        engine
    }

    /// Adds what a `daemon.json` says.
    pub fn add_configuration(&mut self, file: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let loaded = yaml::load(&Arc::from(file), &text);
        self.notes.extend(loaded.notes);
        let Some(tree) = loaded.documents.first() else {
            return;
        };
        self.at = Position::start(file);
        let truth = |key: &str| -> Option<Located<bool>> {
            let node = tree.get(key)?;
            Some(Located::new(node.truth()?, node.at.clone()))
        };
        let text = |key: &str| tree.get(key).and_then(Node::located);
        self.hosts = tree
            .get("hosts")
            .map(Node::one_or_many)
            .unwrap_or_default()
            .iter()
            .filter_map(Node::located)
            .collect();
        self.tls_verify |= truth("tlsverify").is_some_and(|set| set.value);
        self.iptables = truth("iptables").or(self.iptables.take());
        self.ip6tables = truth("ip6tables").or(self.ip6tables.take());
        self.icc = truth("icc").or(self.icc.take());
        self.userland_proxy = truth("userland-proxy").or(self.userland_proxy.take());
        self.no_new_privileges = truth("no-new-privileges").or(self.no_new_privileges.take());
        self.direct_routing = truth("allow-direct-routing").or(self.direct_routing.take());
        self.userns_remap = text("userns-remap")
            .map(|remap| remap.map(|value| !value.is_empty()))
            .or(self.userns_remap.take());
        self.seccomp = text("seccomp-profile").or(self.seccomp.take());
        self.default_ip = text("ip").or(self.default_ip.take());
    }

    /// Adds what `GET /version` answered.
    pub fn add_version(&mut self, bytes: &[u8]) {
        let Some(tree) = answer("engine:version", bytes) else {
            return;
        };
        self.live = true;
        self.version = tree.text_of("Version").and_then(Version::parse);
        let components = tree.get("Components").map(Node::items).unwrap_or_default();
        self.podman = components.iter().any(|component| {
            component
                .text_of("Name")
                .is_some_and(|name| name.contains("Podman"))
        });
        if self.podman {
            self.at = Position::start("engine:podman");
        }
    }

    /// Adds what `GET /info` answered.
    pub fn add_info(&mut self, bytes: &[u8]) {
        let Some(tree) = answer("engine:info", bytes) else {
            return;
        };
        self.live = true;
        self.swarm = tree.path(&["Swarm", "LocalNodeState"]).and_then(Node::text) == Some("active");
        let options = tree.get("SecurityOptions").map(Node::items).unwrap_or_default();
        let has = |name: &str| {
            options
                .iter()
                .filter_map(Node::text)
                .any(|option| option.split(',').any(|part| part == format!("name={name}")))
        };
        self.rootless = has("rootless");
        if has("userns") {
            self.userns_remap = Some(Located::new(true, self.at.clone()));
        }
        if has("no-new-privileges") {
            self.no_new_privileges = Some(Located::new(true, self.at.clone()));
        }
    }

    /// What it is called, in a word.
    pub fn word(&self) -> &'static str {
        if self.podman { "podman" } else { "docker" }
    }

    /// The engine is older than `version`, as far as is known.
    pub fn is_before(&self, version: &Version) -> Option<bool> {
        (!self.podman).then_some(())?;
        self.version.as_ref().map(|mine| mine < version)
    }

    /// An API on TCP that asks nobody who he is.
    pub fn open_hosts(&self) -> impl Iterator<Item = &Located<String>> {
        let verified = self.tls_verify;
        self.hosts.iter().filter(move |host| {
            !verified && (host.value.starts_with("tcp://") || host.value.starts_with("http://"))
        })
    }
}

fn answer(file: &str, bytes: &[u8]) -> Option<Node> {
    let text = String::from_utf8_lossy(bytes);
    yaml::load(&Arc::from(file), &text).documents.into_iter().next()
}
