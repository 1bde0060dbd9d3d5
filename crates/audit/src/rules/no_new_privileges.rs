//! `no-new-privileges`: programs in a container may gain privileges.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "no-new-privileges",
    title: "Programs in a container may gain privileges",
    severity: Severity::Info,
    needs: Needs::Files,
    what: "Neither `security_opt: [no-new-privileges:true]` nor the engine's own setting.",
    why: "A set-user-id program in the image makes an attacker root in the container.",
    fix: "`security_opt: [\"no-new-privileges:true\"]`, or `\"no-new-privileges\": true` in daemon.json for \
         all.",
    references: &[
        Reference::Cis("5.25", "5.26"),
        Reference::Kics("no_new_privileges_not_set"),
        Reference::DockerBench("check_5_26"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    let for_all = estate
        .engine
        .as_ref()
        .and_then(|engine| engine.no_new_privileges.as_ref())
        .is_some_and(|set| set.value);
    if for_all {
        return;
    }
    for place in estate.places() {
        let set = place.service.security("no-new-privileges");
        if set.is_none_or(|(value, _)| value == "false") {
            out.push(
                Finding::of(
                    place,
                    &place.service.at,
                    "may gain privileges through set-user-id programs",
                )
                .severity(Severity::Info)
                .fix("`security_opt: [\"no-new-privileges:true\"]`"),
            );
        }
    }
}
