//! `indirect-socket`: the engine's socket is inside a mounted folder.

use crate::finding::{Confidence, Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "indirect-socket",
    title: "The engine's socket is inside a mounted folder",
    severity: Severity::High,
    needs: Needs::Files,
    what: "`/`, `/run`, `/var`, `/var/run` mounted, or a named volume that binds them.",
    why: "The socket is in there: mounting the folder mounts the engine, and no search for \
         `docker.sock` finds it. A folder also survives restarts of the engine, so it works better \
         than the file.",
    fix: "Mount what is needed below it.",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        for mount in place
            .service
            .mounts
            .iter()
            .filter(|mount| facts::holds_engine_socket(mount))
        {
            let path = mount.host_path().unwrap_or_default();
            let disguise = if mount.device.is_some() {
                ", as a named volume"
            } else {
                ""
            };
            let fact = if mount.read_only {
                " (`:ro` does not change that)"
            } else {
                ""
            };
            out.push(
                Finding::of(
                    place,
                    &mount.at,
                    format!("mounts {path}{disguise}: docker.sock is in it{fact}"),
                )
                .severity(Severity::High)
                .sure(Confidence::Likely)
                .key(mount.target.clone())
                .fix("mount only the file or folder below it that is needed"),
            );
        }
    }
}
