//! Rows 4 to 9: who reaches nginx, and who does not.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::require;
use super::scene::{BRIDGE_URLS, HOST_URLS, Scene, eventually};
use crate::binaries;
use crate::lab::place::finish;
use crate::probe::{self, Attempts, Kind};

/// Row 4: the host is refused at every address, and `flows` explains.
pub(super) fn from_the_host(scene: &mut Scene) -> Result<String> {
    let slowest = host_is_refused(scene)?;
    let mut found = None;
    eventually("`flows` shows the denial", || {
        found = scene
            .denials(&["--to", "nginx"])?
            .into_iter()
            .find(|f| f["from"]["class"] == "host");
        Ok(found.is_some())
    })?;
    let flow = found.context("no denied flow from the host to nginx")?;
    require(
        flow["comm"] == "curl",
        format!("flows names the process {}", flow["comm"]),
    )?;
    require(flow["rule"]["name"].is_string(), "flows names no rule")?;
    let allow = flow["allow_with"]
        .as_str()
        .context("flows does not say how to allow it")?;
    let rule = flow["rule"]["name"].as_str().unwrap_or_default();
    Ok(format!(
        "{} addresses refused, slowest {slowest:.1} ms; flows: host (curl) -> nginx denied by {rule}; to allow: {allow}",
        HOST_URLS.len()
    ))
}

/// The slowest refusal in milliseconds.
pub(super) fn host_is_refused(scene: &Scene) -> Result<f64> {
    let mut slowest = 0.0_f64;
    for url in HOST_URLS {
        let fetch = scene.host_curl(url)?;
        fetch.must_be_refused(&format!("the host at {url}"))?;
        slowest = slowest.max(fetch.ms);
    }
    Ok(slowest)
}

/// Row 5: same labels reach each other across network modes.
pub(super) fn bridged_same_label(scene: &mut Scene) -> Result<String> {
    // A terminal without a person: the shell stays, and exec runs in it.
    scene
        .lab
        .engine
        .docker(&["run", "-l", "app=nginx", "-dit", "--name", "client", "curl"])?;
    bridged_reaches(scene)?;
    Ok(format!("200 from {}", BRIDGE_URLS.join(", ")))
}

/// The container of row 5 reaches nginx.
pub(super) fn bridged_reaches(scene: &Scene) -> Result<()> {
    for url in BRIDGE_URLS {
        scene
            .exec_curl("client", url)?
            .must_reach(&format!("a bridged container with the same label at {url}"))?;
    }
    Ok(())
}

/// Row 6: both spellings, exit status, signals.
pub(super) fn run(scene: &mut Scene) -> Result<String> {
    let bare = [
        "run",
        "--label=app=nginx",
        "curl",
        "--",
        "-gsS",
        "--max-time",
        "3",
        "http://127.0.0.1",
    ];
    let text = scene
        .lab
        .cofferdam(&bare)?
        .ok()
        .context("cofferdam run --label=app=nginx curl -- URL")?;
    require(text.trim() == super::scene::PAGE, format!("curl printed {text}"))?;
    for url in HOST_URLS {
        scene
            .run_curl(&["--label", "app=nginx"], url)?
            .must_reach(&format!("run --label app=nginx at {url}"))?;
    }
    let status = scene
        .lab
        .run(&["--label", "app=nginx"], &["sh", "-c", "exit 42"])?;
    require(status.code == Some(42), format!("exit 42 came back as: {status}"))?;
    let absent = scene.lab.run(&["--label", "app=nginx"], &["no-such-program"])?;
    require(
        absent.code == Some(127),
        format!("a program that is not there: {absent}"),
    )?;
    signal_passes(scene)?;
    Ok("both spellings got 200; exit 42 came back as 42; SIGTERM arrived".to_string())
}

fn signal_passes(scene: &Scene) -> Result<()> {
    let script = "trap 'echo caught; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    let args = scene
        .lab
        .arguments(&["run", "--label", "app=nginx", "--", "sh", "-c", script]);
    let mut command = scene.lab.host.command(binaries::cofferdam()?, &args);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let start = Instant::now();
    let child = scene.lab.host.spawn(&mut command)?;
    std::thread::sleep(Duration::from_millis(600));
    kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGTERM)?;
    let outcome = finish(child, start, Duration::from_secs(5))?;
    require(
        outcome.code == Some(7) && outcome.stdout.contains("caught"),
        format!("SIGTERM to `run`: {outcome}"),
    )
}

/// Row 7: children keep the identity.
pub(super) fn inherited(scene: &mut Scene) -> Result<String> {
    let fetch = "curl -gsS --max-time 3 http://127.0.0.1";
    let script = format!("set -e; {fetch}; bash -c '{fetch}'; setsid -w sh -c '{fetch}'; ({fetch})");
    let args = ["run", "--label", "app=nginx", "/bin/bash", "-c", &script];
    let text = scene.lab.cofferdam(&args)?.ok()?;
    let pages = text.lines().filter(|l| *l == super::scene::PAGE).count();
    require(pages == 4, format!("{pages} of 4 got the page: {text}"))?;
    Ok("the shell, a child, a child in its own session and a subshell got 200".to_string())
}

/// Row 8: everybody else is refused.
pub(super) fn strangers(scene: &mut Scene) -> Result<String> {
    let mut slowest = 0.0_f64;
    for url in HOST_URLS {
        let fetch = scene.run_curl(&["--label", "app=other"], url)?;
        fetch.must_be_refused(&format!("run --label app=other at {url}"))?;
        slowest = slowest.max(fetch.ms);
    }
    let bare = scene.run_curl(&[], "http://127.0.0.1")?;
    require(bare.body.is_none(), "run without a label reached nginx")?;
    for (args, urls) in [
        (&["-l", "app=other", "--net=host"][..], HOST_URLS),
        (&["-l", "app=other"], BRIDGE_URLS),
        (&[], BRIDGE_URLS),
        (&["--net=host"], HOST_URLS),
    ] {
        let who = format!("docker run {}", args.join(" "));
        for url in urls {
            let fetch = scene.docker_curl(args, url)?;
            fetch.must_be_refused(&format!("{who} at {url}"))?;
            slowest = slowest.max(fetch.ms);
        }
    }
    Ok(format!(
        "other label, no label; host mode and bridged: all refused, slowest {slowest:.1} ms"
    ))
}

/// Row 9: 127.0.0.1 is shared, and yet each has its own room.
pub(super) fn two_rooms(scene: &mut Scene) -> Result<String> {
    for (name, label, address) in [
        ("one", "app=one", "127.0.0.1:9101"),
        ("two", "app=two", "127.0.0.1:9102"),
    ] {
        scene.container(name, &["-l", label, "--net=host"], &[name, "tcp", address])?;
    }
    for (name, label, address) in [
        ("one6", "app=one", "[::1]:9101"),
        ("two6", "app=two", "[::1]:9102"),
    ] {
        scene.container(name, &["-l", label, "--net=host"], &[name, "tcp", address])?;
    }
    two_rooms_hold(scene)?;
    Ok("each reaches itself and is refused by the other, on 127.0.0.1 and on ::1".to_string())
}

/// What row 9 says, also after the daemon is gone.
pub(super) fn two_rooms_hold(scene: &Scene) -> Result<()> {
    let rooms = [
        ("one", "127.0.0.1:9101"),
        ("two", "127.0.0.1:9102"),
        ("one6", "[::1]:9101"),
        ("two6", "[::1]:9102"),
    ];
    for (from, _) in rooms {
        for (to, address) in rooms {
            let attempts = exec_attempt(scene, from, Kind::Tcp, address)?;
            if from.trim_end_matches('6') == to.trim_end_matches('6') {
                require(
                    attempts.all_answered(to),
                    format!("{from} must reach {to} at {address}: {attempts:?}"),
                )?;
            } else {
                require(
                    attempts.all_refused(),
                    format!("{from} must not reach {to} at {address}: {attempts:?}"),
                )?;
            }
        }
    }
    Ok(())
}

/// One attempt from inside a container.
pub(super) fn exec_attempt(scene: &Scene, container: &str, kind: Kind, address: &str) -> Result<Attempts> {
    let arguments = probe::arguments(kind, address, 1);
    let mut args = vec!["exec", container, "cofferdam-probe"];
    args.extend(arguments.iter().map(String::as_str));
    Ok(serde_json::from_str(&scene.lab.engine.docker(&args)?)?)
}
