//! Everything that an engine has, at one moment. One container that cannot be read does not spoil the list.

use std::time::Duration;

use futures_util::StreamExt;
use ipnet::IpNet;

use super::engine::{Engine, EngineError};
use crate::{Container, ContainerId};

/// How many inspections run at once.
const AT_ONCE: usize = 16;
/// How long the list waits for one container that is being started; the engine may take minutes over one.
const PATIENCE: Duration = Duration::from_millis(500);

/// What was found.
pub(super) struct Listing {
    /// The containers; one that disappeared meanwhile is left out.
    pub(super) containers: Vec<Container>,
    /// The subnets of all networks.
    pub(super) subnets: Vec<IpNet>,
    /// Containers that are only sketched, and have to be inspected again.
    pub(super) again: Vec<ContainerId>,
    /// What the engine said that cannot be understood, a line each.
    pub(super) troubles: Vec<String>,
}

/// Lists networks and containers. Fails only where the engine does not answer at all.
pub(super) async fn take(engine: &Engine) -> Result<Listing, EngineError> {
    let subnets = engine.subnets().await?;
    let ids = engine.ids().await?;
    let mut listing = Listing {
        containers: Vec::new(),
        subnets,
        again: Vec::new(),
        troubles: Vec::new(),
    };
    let mut answers =
        futures_util::stream::iter(ids.into_iter().map(|id| one(engine, id))).buffer_unordered(AT_ONCE);
    while let Some((id, container, doubt)) = answers.next().await {
        listing.containers.extend(container);
        match doubt {
            Doubt::None => {}
            Doubt::Slow => listing.again.push(id),
            Doubt::Trouble(line) => listing.troubles.push(line),
        }
    }
    Ok(listing)
}

enum Doubt {
    None,
    Slow,
    Trouble(String),
}

async fn one(engine: &Engine, id: ContainerId) -> (ContainerId, Option<Container>, Doubt) {
    let doubt = match tokio::time::timeout(PATIENCE, engine.container(&id)).await {
        Ok(Ok(container)) => return (id, container, Doubt::None),
        Ok(Err(error)) => Doubt::Trouble(trouble(&id, &error)),
        Err(_) => Doubt::Slow,
    };
    let sketch = engine.sketch(&id).await.ok().flatten();
    (id, sketch, doubt)
}

/// The line for a container that cannot be read.
pub(super) fn trouble(id: &ContainerId, error: &EngineError) -> String {
    format!("Docker cannot say what container {} is: {error}", id.short())
}
