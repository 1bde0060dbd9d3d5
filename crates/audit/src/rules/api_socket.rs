//! `api-socket`: a container gets the engine's API from compose.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "api-socket",
    title: "A container gets the engine's API from compose",
    severity: Severity::High,
    needs: Needs::Files,
    what: "`use_api_socket: true`, `--use-api-socket`, or a container that has what they leave: the socket, and \
           `DOCKER_CONFIG=/run/secrets/docker`.",
    why: "Compose mounts the engine's socket and the user's registry credentials: root on the host \
         without a mount that one could see.",
    fix: "Remove it, or a socket proxy.",
    references: &[Reference::Docs("reference/compose-file/services/#use_api_socket")],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        let Some(at) = &place.service.api_socket else {
            continue;
        };
        out.push(
            Finding::of(
                place,
                at,
                "has the engine's socket and the user's registry credentials: root on this host",
            )
            .severity(Severity::High)
            .fix("remove `use_api_socket`"),
        );
    }
}
