//! `dangerous-capability`: a capability that leads to the host.

use crate::finding::{Finding, Severity};
use crate::model::{Estate, Reach, capability};
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "dangerous-capability",
    title: "A capability that leads to the host",
    severity: Severity::Medium,
    needs: Needs::Files,
    what: "`cap_add` with ALL, SYS_ADMIN, SYS_MODULE, SYS_RAWIO, SYS_PTRACE, DAC_READ_SEARCH, BPF, \
         NET_ADMIN or their like.",
    why: "SYS_ADMIN, SYS_MODULE and SYS_RAWIO are root by another name. NET_ADMIN rewrites addresses, \
         routes and firewalls: in host mode those of the host.",
    fix: "Drop it, or keep it in a container with its own network and nothing else.",
    references: &[
        Reference::Cis("5.3", "5.4"),
        Reference::Kics("container_capabilities_unrestricted"),
        Reference::DockerBench("check_5_4"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        for cap in &place.service.cap_add {
            let name = capability(&cap.value);
            let severity = match name.as_str() {
                "ALL" | "SYS_ADMIN" | "SYS_MODULE" | "SYS_RAWIO" | "BPF" | "DAC_READ_SEARCH" | "SYS_BOOT" => {
                    Severity::High
                }
                "NET_ADMIN" if estate.reach(place) == Reach::Host => Severity::High,
                "NET_ADMIN" | "SYS_PTRACE" | "SYS_TIME" | "SYSLOG" | "PERFMON" | "MAC_ADMIN" => {
                    Severity::Medium
                }
                "NET_RAW" | "NET_BROADCAST" | "SYS_RESOURCE" | "SYS_NICE" | "IPC_LOCK" => Severity::Low,
                _ => continue,
            };
            let fact = if name == "NET_ADMIN" && severity == Severity::High {
                ", in the host's network: addresses, routes and firewall of the host"
            } else {
                ""
            };
            out.push(
                Finding::of(place, &cap.at, format!("has CAP_{name}{fact}"))
                    .severity(severity)
                    .key(name.clone())
                    .fix(format!("remove `{}` from `cap_add`", cap.value)),
            );
        }
    }
}
