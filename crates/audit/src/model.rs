//! The one view of services, networks, ports, mounts and capabilities, whether a compose file, `docker inspect` or a
//! `docker run` line said so. Readers fill it, rules ask it. Nothing here judges.

use std::sync::Arc;

use crate::position::{Located, Note, Position};

mod estate;
mod mount;
mod network;
mod port;

pub use estate::{Estate, Place, Reach};
pub use mount::{Mount, MountKind};
pub(crate) use mount::{clean as clean_path, is_path as is_host_path};
pub use network::{Network, NetworkMode, NetworkUse};
pub use port::{Port, PortRange, Protocol};

/// Who said that the service exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A compose file.
    Compose,
    /// `docker inspect`.
    Inspect,
    /// A `docker run` line.
    Command,
    /// A service of Swarm that has no container on this node.
    Swarm,
}

/// What one source describes: a compose project, the containers of an engine, one command line.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its name; containers of an engine have their own project in their labels.
    pub name: String,
    /// The first file.
    pub file: Arc<str>,
    /// What runs.
    pub services: Vec<Service>,
    /// What they are connected to.
    pub networks: Vec<Network>,
    /// What was read leniently.
    pub notes: Vec<Note>,
}

/// One container, or several copies of it.
#[derive(Clone, Debug)]
pub struct Service {
    /// The service's or the container's name.
    pub name: String,
    /// Who said so.
    pub origin: Origin,
    /// Its key in the file.
    pub at: Position,
    /// `container_name`.
    pub container_name: Option<String>,
    /// The container's id, where it exists.
    pub id: Option<String>,
    /// It runs now. `None` where only a file knows it.
    pub running: Option<bool>,
    /// The image's name.
    pub image: Option<Located<String>>,
    /// Ports that its image declares and no file does (`EXPOSE`), with what `expose:` says.
    pub expose: Vec<Located<PortRange>>,
    /// `network_mode`, `--network` or legacy `net`.
    pub network_mode: Option<Located<NetworkMode>>,
    /// The networks that it joins.
    pub networks: Vec<NetworkUse>,
    /// What it publishes.
    pub ports: Vec<Port>,
    /// What it mounts.
    pub mounts: Vec<Mount>,
    /// Devices of the host.
    pub devices: Vec<Located<String>>,
    /// Capabilities added, as written.
    pub cap_add: Vec<Located<String>>,
    /// Capabilities dropped, as written.
    pub cap_drop: Vec<Located<String>>,
    /// `privileged: true`.
    pub privileged: Option<Position>,
    /// `pid`.
    pub pid: Option<Located<String>>,
    /// `ipc`.
    pub ipc: Option<Located<String>>,
    /// `uts`.
    pub uts: Option<Located<String>>,
    /// `userns_mode`.
    pub userns: Option<Located<String>>,
    /// `cgroup`: the namespace of control groups.
    pub cgroup: Option<Located<String>>,
    /// `security_opt`, with `=` between key and value.
    pub security: Vec<Located<String>>,
    /// `user`.
    pub user: Option<Located<String>>,
    /// `sysctls`.
    pub sysctls: Vec<(Located<String>, String)>,
    /// `extra_hosts`: name and address.
    pub extra_hosts: Vec<(Located<String>, String)>,
    /// Legacy `links`.
    pub links: Vec<Located<String>>,
    /// `labels`.
    pub labels: Vec<(Located<String>, String)>,
    /// `environment`: names, and values where the file says them.
    pub environment: Vec<(Located<String>, Option<String>)>,
    /// `use_api_socket`.
    pub api_socket: Option<Position>,
    /// A `deploy` section that only Swarm reads.
    pub swarm: bool,
}

// === impl Service ===

impl Service {
    /// A service of which nothing but its name is known.
    pub fn new(name: impl Into<String>, origin: Origin, at: Position) -> Self {
        Self {
            name: name.into(),
            origin,
            at,
            container_name: None,
            id: None,
            running: None,
            image: None,
            expose: Vec::new(),
            network_mode: None,
            networks: Vec::new(),
            ports: Vec::new(),
            mounts: Vec::new(),
            devices: Vec::new(),
            cap_add: Vec::new(),
            cap_drop: Vec::new(),
            privileged: None,
            pid: None,
            ipc: None,
            uts: None,
            userns: None,
            cgroup: None,
            security: Vec::new(),
            user: None,
            sysctls: Vec::new(),
            extra_hosts: Vec::new(),
            links: Vec::new(),
            labels: Vec::new(),
            environment: Vec::new(),
            api_socket: None,
            swarm: false,
        }
    }

    /// The place of a setting's key, or the service's own.
    pub fn mode_at(&self) -> Position {
        self.network_mode
            .as_ref()
            .map_or_else(|| self.at.clone(), |mode| mode.at.clone())
    }

    /// Whether it has a capability: added, or one of Docker's default that was not dropped.
    pub fn has_capability(&self, name: &str) -> bool {
        const DEFAULTS: &[&str] = &[
            "CHOWN",
            "DAC_OVERRIDE",
            "FOWNER",
            "FSETID",
            "KILL",
            "SETGID",
            "SETUID",
            "SETPCAP",
            "NET_BIND_SERVICE",
            "NET_RAW",
            "SYS_CHROOT",
            "MKNOD",
            "AUDIT_WRITE",
            "SETFCAP",
        ];
        let named = |list: &[Located<String>], name: &str| {
            list.iter()
                .any(|cap| capability(&cap.value) == name || capability(&cap.value) == "ALL")
        };
        if self.privileged.is_some() {
            return true;
        }
        let dropped = named(&self.cap_drop, name);
        let added_itself = self.cap_add.iter().any(|cap| capability(&cap.value) == name);
        let added_all = named(&self.cap_add, name) && !added_itself;
        added_itself || (added_all && !dropped) || (DEFAULTS.contains(&name) && !dropped)
    }

    /// A security option, such as `seccomp` or `no-new-privileges`: its value, empty where it has none.
    pub fn security(&self, key: &str) -> Option<(&str, &Position)> {
        self.security.iter().rev().find_map(|option| {
            let (name, value) = option
                .value
                .split_once(['=', ':'])
                .unwrap_or((option.value.as_str(), ""));
            (name.trim() == key).then_some((value.trim(), &option.at))
        })
    }

    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels
            .iter()
            .find(|(name, _)| name.value == key)
            .map(|(_, value)| value.as_str())
    }

    /// The image's name without registry, tag and digest: `postgres` of `docker.io/library/postgres:16@sha256:…`.
    pub fn image_name(&self) -> Option<&str> {
        let image = self.image.as_ref()?.value.as_str();
        let image = image.split('@').next().unwrap_or(image);
        let last = image.rsplit('/').next().unwrap_or(image);
        Some(last.split(':').next().unwrap_or(last))
    }
}

/// A capability's name without `CAP_`, in capitals.
pub fn capability(text: &str) -> String {
    let upper = text.trim().to_ascii_uppercase();
    upper.strip_prefix("CAP_").unwrap_or(&upper).to_owned()
}
