//! `root-user`: a container runs as root on purpose.

use crate::finding::{Finding, Severity};
use crate::model::{Estate, Origin};
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "root-user",
    title: "A container runs as root on purpose",
    severity: Severity::Low,
    needs: Needs::Files,
    what: "`user: root` or `user: 0`. What runs as root because its image says nothing is reported for \
         running containers only.",
    why: "A hole in the program is a hole with root's rights in the container, which most escapes need.",
    fix: "`user: \"1000:1000\"`, or an image that has a user of its own.",
    references: &[Reference::Cis("4.1", "4.1"), Reference::DockerBench("check_4_1")],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        let user = place.service.user.as_ref();
        let name = user.map(|user| user.value.split(':').next().unwrap_or_default());
        let live = place.service.origin == Origin::Inspect;
        let is_root = matches!(name, Some("root" | "0")) || (live && name.is_none_or(str::is_empty));
        if !is_root {
            continue;
        }
        let rootless = estate.engine.as_ref().is_some_and(|engine| engine.rootless);
        let severity = if rootless { Severity::Info } else { Severity::Low };
        let at = user.map_or(&place.service.at, |user| &user.at);
        out.push(
            Finding::of(place, at, "runs as root")
                .severity(severity)
                .fix("`user: \"1000:1000\"` or another user that the image knows"),
        );
    }
}
