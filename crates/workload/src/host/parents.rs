//! Below which cgroup an engine makes its containers' cgroups.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::HostError;
use crate::EngineInfo;

/// The directories below the cgroup2 root, relative to it, in which the engine makes its containers' cgroups: that of its
/// command line, else of `daemon_json` (which need not exist), else its driver's default.
pub fn docker_cgroup_parents(engine: &EngineInfo, daemon_json: &Path) -> Result<Vec<PathBuf>, HostError> {
    let chosen = match &engine.cgroup_parent {
        Some(parent) => Some(parent.clone()),
        None => configured_parent(daemon_json)?,
    };
    let parent = chosen.as_deref().and_then(below_root);
    Ok(vec![
        parent.unwrap_or_else(|| default_parent(&engine.cgroup_driver)),
    ])
}

fn default_parent(cgroup_driver: &str) -> PathBuf {
    PathBuf::from(if cgroup_driver == "systemd" {
        "system.slice"
    } else {
        "docker"
    })
}

fn configured_parent(daemon_json: &Path) -> Result<Option<String>, HostError> {
    #[derive(serde::Deserialize)]
    struct DaemonJson {
        #[serde(rename = "cgroup-parent")]
        cgroup_parent: Option<String>,
    }
    let text = match fs::read_to_string(daemon_json) {
        Ok(text) if text.trim().is_empty() => return Ok(None),
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(HostError::read(daemon_json, error)),
    };
    serde_json::from_str::<DaemonJson>(&text)
        .map(|json| json.cgroup_parent)
        .map_err(|error| HostError::DaemonJson {
            path: daemon_json.to_owned(),
            reason: error.to_string(),
        })
}

/// A `cgroup-parent` as a path relative to the cgroup2 root. Slices nest by their names: `a-b.slice` is
/// `a.slice/a-b.slice` (systemd.slice(5)). `None` for what names no directory below the root.
pub(crate) fn below_root(parent: &str) -> Option<PathBuf> {
    if parent.is_empty() {
        return None;
    }
    if let Some(name) = parent.strip_suffix(".slice").filter(|name| !name.contains('/')) {
        return Some(slice(name));
    }
    let parts = Path::new(parent)
        .components()
        .filter(|part| !matches!(part, Component::RootDir | Component::CurDir));
    let path: PathBuf = parts.collect();
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    plain.then_some(path)
}

fn slice(name: &str) -> PathBuf {
    let ends = name.match_indices('-').map(|(at, _)| at).chain([name.len()]);
    ends.filter_map(|end| name.get(..end))
        .filter(|part| !part.is_empty())
        .map(|part| format!("{part}.slice"))
        .collect()
}

#[cfg(test)]
mod tests;
