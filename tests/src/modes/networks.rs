//! A network of each kind that Docker has.

use anyhow::Result;

use crate::lab::Lab;

/// The networks; with the guard, Swarm goes too.
pub(super) struct Networks<'a>(&'a Lab);

// === impl Networks ===

impl<'a> Networks<'a> {
    /// Makes them. A macvlan's parent is one end of a veth pair: this kernel may have no dummy links.
    pub(super) fn make(lab: &'a Lab) -> Result<Self> {
        let parent = "ip link add macvlan0 type veth peer name macvlan1; ip link set macvlan0 up; ip link set macvlan1 up";
        lab.host.must("sh", &["-ec", parent])?;
        let networks = Self(lab);
        for line in [
            "network create user",
            "network create --ipv6 --subnet fd00:16::/64 --subnet 172.31.16.0/24 user-v6",
            "network create --internal internal",
            "network create -d macvlan --subnet 172.31.17.0/24 -o parent=macvlan0 macvlan",
            "swarm init --advertise-addr 127.0.0.1",
            "network create -d overlay --attachable overlay",
        ] {
            lab.engine.docker(&line.split(' ').collect::<Vec<_>>())?;
        }
        Ok(networks)
    }

    /// What `--network` is given for a mode; they have the modes' names.
    pub(super) fn named(mode: &'static str) -> &'static str {
        mode
    }

    /// The same, once they are made.
    pub(super) fn name(&self, mode: &'static str) -> &'static str {
        Self::named(mode)
    }

    /// Every address that Docker gave a container: on its networks, and on the bridge that leads out of an overlay.
    pub(super) fn addresses(&self, container: &str) -> Result<Vec<String>> {
        let engine = &self.0.engine;
        let all = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.GlobalIPv6Address}} {{end}}";
        let mut found = engine.docker(&["inspect", "-f", all, container])?;
        if container.ends_with("-overlay") {
            let id = engine.id(container)?;
            let gateway = format!("{{{{(index .Containers {id:?}).IPv4Address}}}}");
            let text = engine.docker(&["network", "inspect", "-f", &gateway, "docker_gwbridge"])?;
            found.push(' ');
            found.push_str(text.split('/').next().unwrap_or_default());
        }
        Ok(found.split_whitespace().map(str::to_string).collect())
    }
}

impl Drop for Networks<'_> {
    fn drop(&mut self) {
        // A container on an overlay keeps it from going; after a failure there may be any number of them.
        let engine = &self.0.engine;
        let ids = engine.docker(&["ps", "-aq", "--filter", "name=^(server|client)-"]);
        for id in ids.unwrap_or_default().split_whitespace() {
            let _ = engine.try_docker(&["rm", "-f", id]);
        }
        let _ = engine.try_docker(&["swarm", "leave", "--force"]);
    }
}
