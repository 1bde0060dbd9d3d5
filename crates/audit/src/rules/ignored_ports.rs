//! `ignored-ports`: published ports that Docker ignores.

use crate::finding::{Finding, Severity};
use crate::model::{Estate, NetworkMode, Reach};
use crate::rule::{Needs, Reference, Rule};

use super::facts;

pub(super) const RULE: Rule = Rule {
    id: "ignored-ports",
    title: "Published ports that Docker ignores",
    severity: Severity::Low,
    needs: Needs::Files,
    what: "`ports:` beside `network_mode: host`, `none`, `service:` or `container:`, or of a service whose \
         networks are all `internal`, macvlan or ipvlan.",
    why: "In host mode Docker starts the container and ignores them: the program listens wherever it \
         likes, on every address if it does so, and the address in `ports:` protects nothing. \
         Cofferdam reads them as what the user wanted open.",
    fix: "Remove the ports or the network mode. With `service:`, publish on the service that owns the \
         network.",
    references: &[Reference::Docs("engine/network/drivers/host/")],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        let Some(port) = place.service.ports.first() else {
            continue;
        };
        let reach = estate.reach(place);
        let joined = matches!(
            place.service.network_mode.as_ref().map(|mode| &mode.value),
            Some(NetworkMode::Service(_) | NetworkMode::Container(_))
        );
        let why = match reach {
            Reach::Host => "in host mode Docker ignores",
            Reach::None => "without a network Docker ignores",
            _ if joined => "with another container's network Docker refuses",
            _ if place.is_internal() => "on internal networks alone Docker ignores",
            _ if place.is_on_lan() => "on macvlan and ipvlan Docker ignores",
            _ => continue,
        };
        let narrow = reach == Reach::Host && place.service.ports.iter().any(|port| !port.is_wildcard());
        let severity = if narrow { Severity::Medium } else { Severity::Low };
        let fact = if narrow {
            ": their address protects nothing"
        } else {
            ""
        };
        out.push(
            Finding::of(
                place,
                &port.at,
                format!(
                    "{why} its {}{fact}",
                    facts::count(place.service.ports.len(), "published port")
                ),
            )
            .severity(severity)
            .fix(if reach == Reach::Own && !joined {
                "remove `ports`, or join a bridge that is not internal"
            } else {
                "remove `ports`, or the network mode"
            }),
        );
    }
}
