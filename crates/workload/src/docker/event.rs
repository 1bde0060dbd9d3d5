//! Docker's event messages → what has to be looked at again.

use std::collections::HashMap;

use bollard::models::{EventMessage, EventMessageTypeEnum};

use crate::ContainerId;

/// What an event asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// It is new: it has to be known before it starts.
    Created(ContainerId),
    /// Inspect this container.
    Look(ContainerId),
    /// It is gone for good.
    Destroyed(ContainerId),
    /// List the networks.
    Networks,
    /// A Swarm service changed what it publishes: inspect every container.
    Services,
}

/// Everything that can change a fact in [`crate::Container`]. Health checks make `exec_*` events every few seconds; the
/// engine filters them out.
const ACTIONS: [&str; 13] = [
    "create",
    "start",
    "restart",
    "die",
    "stop",
    "destroy",
    "rename",
    "update",
    "pause",
    "unpause",
    "connect",
    "disconnect",
    "remove",
];

/// The `filters` of the subscription.
pub(super) fn filters() -> HashMap<String, Vec<String>> {
    let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    HashMap::from([
        ("type".to_owned(), owned(&["container", "network", "service"])),
        ("event".to_owned(), owned(&ACTIONS)),
    ])
}

/// What to do about one event; nothing where it names nothing we know.
pub(super) fn notice(event: &EventMessage) -> Option<Notice> {
    let actor = event.actor.as_ref()?;
    let action = event.action.as_deref()?;
    match event.typ? {
        EventMessageTypeEnum::CONTAINER => {
            let id = ContainerId::new(actor.id.clone()?).ok()?;
            Some(match action {
                "create" => Notice::Created(id),
                "destroy" => Notice::Destroyed(id),
                _ => Notice::Look(id),
            })
        }
        EventMessageTypeEnum::NETWORK if matches!(action, "connect" | "disconnect") => {
            let id = actor.attributes.as_ref()?.get("container")?;
            ContainerId::new(id.clone()).ok().map(Notice::Look)
        }
        EventMessageTypeEnum::NETWORK => Some(Notice::Networks),
        EventMessageTypeEnum::SERVICE => Some(Notice::Services),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
