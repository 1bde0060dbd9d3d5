//! `read-only-socket`: the engine's socket is mounted read-only, which protects nothing.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Rule};

use super::{facts, runtime_socket};

pub(super) const RULE: Rule = Rule {
    id: "read-only-socket",
    title: "The engine's socket is mounted read-only, which protects nothing",
    severity: Severity::Medium,
    needs: Needs::Files,
    what: "A runtime's socket mounted with `:ro` or `read_only: true`.",
    why: "Read-only holds for the file: it cannot be renamed or removed. Connecting to a socket and \
         writing to the connection is not writing to the file: every call of the API is possible.",
    fix: "A socket proxy that lets only GET through, or no mount.",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        for mount in place.service.mounts.iter().filter(|mount| mount.read_only) {
            if !(facts::is_engine_socket(mount) || runtime_socket::name(mount).is_some()) {
                continue;
            }
            let path = mount.host_path().unwrap_or_default();
            out.push(
                Finding::of(
                    place,
                    &mount.at,
                    format!("`:ro` on {path} stops nothing: every call of the API goes through"),
                )
                .severity(if facts::is_socket_proxy(place) {
                    Severity::Info
                } else {
                    Severity::Medium
                })
                .key(mount.target.clone())
                .fix("a socket proxy that lets only the calls it needs through"),
            );
        }
    }
}
