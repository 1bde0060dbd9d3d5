//! Mounts in long syntax, and named volumes that are paths of the host in disguise.

use std::collections::BTreeMap;

use crate::model::{Mount, MountKind};
use crate::yaml::Node;

/// The paths behind the project's named volumes.
pub(super) struct Volumes(BTreeMap<String, String>);

// === impl Volumes ===

impl Volumes {
    /// `driver_opts: {type: none, o: bind, device: /path}`.
    pub(super) fn of(tree: &Node) -> Self {
        let entries = tree.get("volumes").map(Node::entries).unwrap_or_default();
        let paths = entries.iter().filter_map(|entry| {
            let options = entry.node.get("driver_opts")?;
            let bind = options
                .text_of("o")?
                .split(',')
                .any(|option| matches!(option.trim(), "bind" | "rbind"));
            let device = options.text_of("device").filter(|_| bind)?;
            Some((entry.key.value.clone(), device.to_owned()))
        });
        Self(paths.collect())
    }
}

/// One entry of a service's `volumes:`.
pub(super) fn mount(item: &Node, volumes: &Volumes) -> Option<Mount> {
    let mut mount = if item.is_map() {
        long(item)?
    } else {
        Mount::parse(item.text()?, &item.at)?
    };
    if mount.kind == MountKind::Volume
        && let Some(name) = &mount.source
    {
        mount.device = volumes.0.get(name).cloned();
    }
    Some(mount)
}

fn long(item: &Node) -> Option<Mount> {
    let one_of = |keys: &[&str]| keys.iter().find_map(|key| item.text_of(key)).map(str::to_owned);
    let source = one_of(&["source", "src"]);
    let kind = match item.text_of("type") {
        Some("bind") => MountKind::Bind,
        Some("volume") => MountKind::Volume,
        Some("tmpfs") => MountKind::Tmpfs,
        Some(_) => MountKind::Other,
        None if source.as_deref().is_some_and(crate::model::is_host_path) => MountKind::Bind,
        None => MountKind::Volume,
    };
    Some(Mount {
        kind,
        source,
        device: None,
        target: one_of(&["target", "destination", "dst"])?,
        read_only: ["read_only", "readonly"]
            .iter()
            .any(|key| item.get(key).and_then(Node::truth) == Some(true)),
        at: item.at.clone(),
    })
}
