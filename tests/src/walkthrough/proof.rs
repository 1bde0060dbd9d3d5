//! Rows 13 and 16: no moment at which a new container is free, and no network mode that makes a difference.

use anyhow::{Context, Result};

use super::require;
use super::scene::Scene;
use crate::{first_act, modes};

/// 200 starts: each container is new once, and known later.
const CONTAINERS: usize = 50;
const STARTS: usize = 4;

/// Row 13.
pub(super) fn first_act(scene: &mut Scene) -> Result<String> {
    let daemon = scene.daemon.as_ref().context("there is no daemon")?.pid();
    let counts = first_act::run(&scene.lab, daemon, CONTAINERS, STARTS)?;
    require(
        counts.connected == 0,
        format!("{} of {} starts got through", counts.connected, counts.starts),
    )?;
    Ok(format!(
        "{} starts of {CONTAINERS} containers while the daemon was frozen four fifths of the time: 0 connected, {} refused at once, {} dropped",
        counts.starts, counts.refused, counts.dropped
    ))
}

/// Row 16.
pub(super) fn modes(scene: &mut Scene) -> Result<String> {
    if scene.daemon.is_none() {
        scene.start(&["--hybrid"])?;
    }
    let pairs = modes::run(&scene.lab)?;
    let wrong: Vec<String> = pairs.iter().filter_map(modes::Pair::wrong).collect();
    require(wrong.is_empty(), wrong.join("; "))?;
    let tried = pairs.iter().filter(|pair| pair.from != modes::STRANGER);
    let routed = tried.clone().filter(|pair| pair.routed).count();
    Ok(format!(
        "same labels get through on all {routed} of {} paths, which is what Docker routes; other labels and strangers on none; addresses reached, by mode:\n    {}",
        tried.count(),
        modes::table(&pairs)
    ))
}
