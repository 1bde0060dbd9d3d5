//! Rows 1 to 3: the daemon starts, a container starts, both are seen.

use std::time::Duration;

use anyhow::{Context, Result};

use super::require;
use super::scene::Scene;

/// Row 1: one line, in less than a second.
pub(super) fn daemon(scene: &mut Scene) -> Result<String> {
    let root = scene.lab.cgroup_root().display().to_string();
    let daemon = scene.start(&["--hybrid"])?;
    let log = daemon.log();
    let line = log
        .lines()
        .find(|line| line.contains("ready"))
        .context("no line says ready")?
        .to_string();
    for word in [env!("CARGO_PKG_VERSION"), &root, "workloads", "enforce"] {
        require(
            line.contains(word),
            format!("the line does not say {word:?}: {line}"),
        )?;
    }
    let ready = daemon.ready_in;
    require(ready < Duration::from_secs(1), format!("ready after {ready:?}"))?;
    Ok(format!("ready in {} ms: {line}", ready.as_millis()))
}

/// Row 2: the container starts.
pub(super) fn nginx(scene: &mut Scene) -> Result<String> {
    let id = scene.lab.engine.docker(&[
        "run",
        "-l",
        "app=nginx",
        "--net=host",
        "--name",
        "nginx",
        "-d",
        "nginx",
    ])?;
    scene.wait_nginx("nginx")?;
    Ok(format!("container {} runs", &id[..12.min(id.len())]))
}

/// Row 3: Docker and Cofferdam agree on what it is.
pub(super) fn listed(scene: &mut Scene) -> Result<String> {
    let mode = scene
        .lab
        .engine
        .docker(&["inspect", "-f", "{{.HostConfig.NetworkMode}}", "nginx"])?;
    require(mode == "host", format!("docker says NetworkMode {mode}"))?;
    let seen = scene.workload("nginx")?;
    require(
        seen["network_mode"] == "host",
        format!("ps says network mode {}", seen["network_mode"]),
    )?;
    require(
        seen["labels"]["app"] == "nginx",
        format!("ps says labels {}", seen["labels"]),
    )?;
    require(seen["protected"] == true, "ps does not say that it is protected")?;
    require(seen["identity"].is_number(), "ps shows no identity")?;
    let listening = seen["listening"]
        .as_array()
        .context("ps has no listening ports")?;
    let ports: Vec<String> = listening
        .iter()
        .map(|l| format!("{} {}:{}", l["protocol"], l["address"], l["port"]))
        .collect();
    for address in ["0.0.0.0", "::"] {
        let found = listening
            .iter()
            .any(|l| l["port"] == 80 && l["address"] == address);
        require(
            found,
            format!("ps does not list port 80 of {address}: {}", ports.join(", ")),
        )?;
    }
    let text = scene.lab.cofferdam(&["ps"])?.ok()?;
    let line = text
        .lines()
        .find(|l| l.contains("nginx"))
        .context("`ps` prints no line with nginx")?
        .to_string();
    require(
        text.lines().all(|l| l.chars().count() <= 80),
        "`ps` is wider than 80 columns",
    )?;
    Ok(line.split_whitespace().collect::<Vec<_>>().join(" "))
}
