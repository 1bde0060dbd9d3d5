//! Rows 12, 14 and 15: what holds when the daemon is killed, only watches, or stops.

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use super::scene::{HOST_URLS, PAGE, Scene, eventually};
use super::{reach, require};
use crate::binaries;
use crate::probe::Server;

/// Row 12.
pub(super) fn kill(scene: &mut Scene) -> Result<String> {
    scene.container(
        "keep",
        &["-l", "app=keep", "--net=host"],
        &["keep", "tcp", "127.0.0.1:9120"],
    )?;
    let mut held = [
        hold(scene, &["--label", "app=keep"], "127.0.0.1:9120")?,
        hold_plain(scene)?,
    ];
    scene.end(Signal::SIGKILL)?;
    let alone = still_holds(scene).context("with a dead daemon");
    scene.start(&["--hybrid"])?;
    alone?;
    let status = scene.lab.json(&["status"])?;
    require(
        status["adopted"] == true,
        format!("the new daemon did not adopt: {status}"),
    )?;
    still_holds(scene).context("after the restart")?;
    reach::strangers(scene).context("after the restart")?;
    for (server, who) in held.iter_mut().zip(["protected", "unprotected"]) {
        require(server.alive(), format!("the {who} connection was cut"))?;
    }
    Ok(
        "rows 4 to 9 hold without a daemon and after its return; it adopted; two open connections went on"
            .to_string(),
    )
}

/// What needs no daemon of rows 4 to 9: `run` needs one and fails closed.
fn still_holds(scene: &Scene) -> Result<()> {
    reach::host_is_refused(scene)?;
    reach::bridged_reaches(scene)?;
    reach::two_rooms_hold(scene)?;
    for url in super::scene::BRIDGE_URLS {
        scene
            .exec_curl("plain", url)?
            .must_be_refused(&format!("a bridged container without a label at {url}"))?;
    }
    Ok(())
}

fn hold(scene: &Scene, run_args: &[&str], address: &str) -> Result<Server> {
    let probe = binaries::probe()?.display().to_string();
    let mut args = vec!["run"];
    args.extend(run_args);
    args.extend(["--", &probe, "hold", address]);
    let mut command = scene
        .lab
        .host
        .command(binaries::cofferdam()?, &scene.lab.arguments(&args));
    Server::start(&scene.lab.host, &mut command)
}

fn hold_plain(scene: &Scene) -> Result<Server> {
    let mut command = scene
        .lab
        .host
        .command(binaries::probe()?, &["hold", "127.0.0.1:9001"]);
    Server::start(&scene.lab.host, &mut command)
}

/// Row 14.
pub(super) fn observe(scene: &mut Scene) -> Result<String> {
    scene.end(Signal::SIGTERM)?;
    scene.start(&["--mode", "observe"])?;
    for url in HOST_URLS {
        scene
            .host_curl(url)?
            .must_reach(&format!("in observe mode, the host at {url}"))?;
    }
    let mut rule = String::new();
    eventually("`flows` says what would have been denied", || {
        let found = scene.denials(&["--to", "nginx"])?;
        let would = found
            .iter()
            .find(|f| f["mode"] == "observe" && f["from"]["class"] == "host");
        rule = would
            .and_then(|f| f["rule"]["name"].as_str())
            .unwrap_or_default()
            .to_string();
        Ok(would.is_some())
    })?;
    Ok(format!(
        "the host got 200 at {} addresses; flows: would have been denied by {rule}",
        HOST_URLS.len()
    ))
}

/// Row 15.
pub(super) fn stop(scene: &mut Scene) -> Result<String> {
    scene.end(Signal::SIGTERM)?;
    let mut said = String::new();
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        scene.start(&["--mode", "enforce"])?;
        reach::host_is_refused(scene)?;
        said = scene.end(signal)?.lines().last().unwrap_or_default().to_string();
        require(
            said.contains("enforcement stays"),
            format!("after {signal} it said: {said}"),
        )?;
        reach::host_is_refused(scene).with_context(|| format!("after {signal}"))?;
    }
    scene.start(&[])?;
    off_and_on(scene)?;
    let open = scene.lab.cofferdam(&["daemon", "stop", "--open"])?;
    let spoken = format!("{}{}", open.stdout, open.stderr);
    require(open.success(), format!("stop --open: {open}"))?;
    scene.daemon.take().context("there is no daemon")?.wait()?;
    for url in HOST_URLS {
        scene
            .host_curl(url)?
            .must_reach(&format!("after stop --open, the host at {url}"))?;
    }
    let left = scene.lab.leftovers();
    require(left.is_empty(), format!("stop --open left {left:?}"))?;
    Ok(format!(
        "stopped: {said:?}; {:?}; nothing is left in bpffs, cgroups, run folder",
        spoken.trim()
    ))
}

fn off_and_on(scene: &Scene) -> Result<()> {
    let off = scene.lab.cofferdam(&["off"])?;
    require(off.success(), format!("off: {off}"))?;
    let fetch = scene.host_curl("http://127.0.0.1")?;
    require(
        fetch.body.as_deref() == Some(PAGE),
        format!("after off, the host must reach nginx: {}", fetch.error),
    )?;
    let on = scene.lab.cofferdam(&["on"])?;
    require(on.success(), format!("on: {on}"))?;
    reach::host_is_refused(scene).context("after on").map(drop)
}
