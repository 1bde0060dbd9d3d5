//! `engine-socket`: a container commands the engine.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "engine-socket",
    title: "A container commands the engine",
    severity: Severity::High,
    needs: Needs::Files,
    what: "`docker.sock` is mounted.",
    why: "Whoever can write to the engine's socket starts a privileged container with the host's root \
         folder: root on the host.",
    fix: "Put a socket proxy that allows only the calls it needs between, or drop the mount.",
    references: &[
        Reference::Cis("5.31", "5.32"),
        Reference::Kics("docker_socket_mounted_in_container"),
        Reference::DockerBench("check_5_32"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        for mount in place
            .service
            .mounts
            .iter()
            .filter(|mount| facts::is_engine_socket(mount))
            // `api-socket` speaks of the mount that `use_api_socket` made.
            .filter(|mount| {
                place.service.api_socket.as_ref() != Some(&mount.at) || mount.target != "/var/run/docker.sock"
            })
        {
            let (severity, fact) = if facts::is_socket_proxy(place) {
                (Severity::Medium, ", as a socket proxy must")
            } else {
                (Severity::High, ": root on this host")
            };
            out.push(
                Finding::of(
                    place,
                    &mount.at,
                    format!("mounts {}{fact}", mount.host_path().unwrap_or_default()),
                )
                .severity(severity)
                .key(mount.target.clone())
                .fix("remove the mount, or put a socket proxy with the few calls it needs between"),
            );
        }
    }
}
