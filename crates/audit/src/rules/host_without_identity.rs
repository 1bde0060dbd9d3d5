//! `host-without-identity`: a host-mode container has no identity.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Rule};

use super::contained;

pub(super) const RULE: Rule = Rule {
    id: "host-without-identity",
    title: "A host-mode container has no identity",
    severity: Severity::Medium,
    needs: Needs::Files,
    what: "Host mode, directly or through another service, without an identity label (`app`, `role`, \
         `tier`, `env`, `app.kubernetes.io/name`, `component`, `part-of`, `cofferdam.label.*`) and \
         without `cofferdam.protect`.",
    why: "Cofferdam leaves alone what does not say who it is. In host mode that is a stranger with the \
         host's own rights on the network.",
    fix: "A label such as `app: web`; `cofferdam protect NAME --label app=web` does it for one that \
         runs.",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.in_host_mode() {
        if !contained::is_known(place.service) {
            out.push(
                Finding::of(
                    place,
                    &place.service.mode_at(),
                    "is in host mode and no label says who it is: nothing is enforced for it",
                )
                .severity(Severity::Medium)
                .fix(format!("`labels: {{app: {}}}`", place.service.name)),
            );
        }
    }
}
