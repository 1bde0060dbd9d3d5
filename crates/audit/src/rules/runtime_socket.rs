//! `runtime-socket`: a container commands the runtime below the engine.

use crate::finding::{Finding, Severity};
use crate::model::{Estate, Mount};
use crate::rule::{Needs, Rule};

pub(super) const RULE: Rule = Rule {
    id: "runtime-socket",
    title: "A container commands the runtime below the engine",
    severity: Severity::High,
    needs: Needs::Files,
    what: "The sockets of containerd, Podman, CRI-O, BuildKit and the rootless engines.",
    why: "They start containers as Docker does, without Docker's own rules.",
    fix: "Remove the mount.",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        for mount in &place.service.mounts {
            if let Some(name) = name(mount) {
                let path = mount.host_path().unwrap_or_default();
                out.push(
                    Finding::of(place, &mount.at, format!("mounts {path}: it commands {name}"))
                        .severity(Severity::High)
                        .key(mount.target.clone())
                        .fix("remove the mount"),
                );
            }
        }
    }
}

/// The runtime whose socket is mounted.
pub(super) fn name(mount: &Mount) -> Option<&'static str> {
    let path = mount.host_path()?;
    match path.rsplit('/').next()? {
        "containerd.sock" => Some("containerd"),
        "podman.sock" => Some("Podman"),
        "crio.sock" => Some("CRI-O"),
        "buildkitd.sock" => Some("BuildKit"),
        "dockershim.sock" | "cri-dockerd.sock" => Some("the CRI of Docker"),
        "lxd.socket" | "unix.socket" => Some("LXD"),
        _ if matches!(path.as_str(), "/run/containerd" | "/var/run/containerd") => Some("containerd"),
        _ if matches!(path.as_str(), "/run/podman" | "/var/run/podman") => Some("Podman"),
        _ => None,
    }
}
