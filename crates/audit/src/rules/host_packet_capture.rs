//! `host-packet-capture`: a container in host mode can read every packet of the host.

use crate::finding::{Confidence, Finding, Severity};
use crate::model::{Estate, capability};
use crate::rule::{Needs, Rule};

use super::contained;

pub(super) const RULE: Rule = Rule {
    id: "host-packet-capture",
    title: "A container in host mode can read every packet of the host",
    severity: Severity::High,
    needs: Needs::Files,
    what: "Host mode, directly or through another service, with NET_RAW, which Docker gives by default.",
    why: "A raw packet socket in the host's network sees all traffic of all interfaces, bridges of \
         other containers included, and can forge it.",
    fix: "`cap_drop: [NET_RAW]` at least; ping works without it. Where BPF is among the kernel's LSMs, which \
         `cofferdam doctor` tells, Cofferdam refuses packet sockets to a protected service with \
         `cofferdam.contain: strict`; elsewhere nothing but the capability does.",
    references: &[],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.in_host_mode() {
        if !place.service.has_capability("NET_RAW") {
            continue;
        }
        let default = !place
            .service
            .cap_add
            .iter()
            .any(|cap| capability(&cap.value) == "NET_RAW");
        let fact = if place.service.privileged.is_some() {
            "it is privileged"
        } else if default {
            "NET_RAW, which Docker gives by default"
        } else {
            "NET_RAW"
        };
        let root = place
            .service
            .user
            .as_ref()
            .is_none_or(|user| user.value.starts_with("root") || user.value.starts_with('0'));
        let stopped = contained::is_strict(place.service) && !contained::allows(place.service, "packet");
        let (severity, sure) = if stopped {
            (Severity::Medium, Confidence::Possible)
        } else if root {
            (Severity::High, Confidence::Certain)
        } else {
            (Severity::Medium, Confidence::Likely)
        };
        out.push(
            Finding::of(
                place,
                &place.service.mode_at(),
                format!(
                    "can read and forge every packet on every interface of the host ({fact}){}",
                    if stopped {
                        ", unless BPF is among the kernel's LSMs: Cofferdam then refuses that"
                    } else {
                        ""
                    }
                ),
            )
            .severity(severity)
            .sure(sure)
            .fix("`cap_drop: [NET_RAW]`"),
        );
    }
}
