//! The key that signs handshakes, as its keeper sees it: by command, by the clock, over restarts.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use cofferdam_tests::binaries;
use cofferdam_tests::lab::{Lab, Outcome};
use cofferdam_tests::walkthrough::scene::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

mod stage;

use stage::one_line_and_hint;

const DAY: u64 = 86_400;

fn key(lab: &Lab) -> serde_json::Value {
    lab.json(&["key", "show"]).expect("key show")["key"].clone()
}

fn rotate(lab: &Lab) -> Outcome {
    lab.cofferdam(&["key", "rotate"]).expect("key rotate")
}

/// As somebody who may open the socket and is not root.
fn as_nobody(lab: &Lab, command: &str) -> Outcome {
    let socket = lab.paths.socket();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).expect("chmod");
    let program = binaries::cofferdam().expect("cofferdam").display().to_string();
    let mut args: Vec<String> = ["--reuid=65534", "--regid=65534", "--clear-groups", &program]
        .map(String::from)
        .to_vec();
    args.extend(lab.arguments(&["key", command]));
    lab.host.run("setpriv", &args).expect("setpriv")
}

/// Makes the key of a stopped daemon older than it is.
fn age(lab: &Lab, seconds: u64) {
    let path = lab.paths.state.join("state.json");
    let text = fs::read_to_string(&path).expect("the state");
    let mut state: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let now = lab.host.must("date", &["-u", "+%s"]).expect("date");
    let then = now.trim().parse::<u64>().expect("a number") - seconds;
    let stamp = lab
        .host
        .must("date", &["-u", "-d", &format!("@{then}"), "+%Y-%m-%dT%H:%M:%SZ"])
        .expect("date");
    state["key_since"] = stamp.trim().into();
    fs::write(&path, state.to_string()).expect("the state");
}

/// G-ROTATE: by command, at most once a second and by root only; by the clock, over restarts; `never` is never.
#[test]
fn root_the_key_is_rotated_on_time_and_on_demand() {
    let lab = Lab::new().expect("a lab");
    let mut daemon = lab.daemon(&[]).expect("a daemon");
    let first = key(&lab);
    assert_eq!(
        (&first["epoch"], &first["rotate_every_seconds"]),
        (&0.into(), &DAY.into())
    );
    eventually("the key may be rotated", || Ok(rotate(&lab).success())).expect("a rotation");
    // As fast as this machine can ask, which is faster than once a second.
    let again = (0..20).map(|_| rotate(&lab)).find(|again| !again.success());
    let again = again.expect("a rotation too many");
    assert_eq!(again.code, Some(2), "{again}");
    one_line_and_hint(&again);
    let second = key(&lab);
    let epoch = second["epoch"].as_u64().expect("a number");
    assert!(epoch > 0, "{second}");
    let status = lab.json(&["status"]).expect("status")["key"].clone();
    assert_eq!(
        (&status["epoch"], &status["since"]),
        (&second["epoch"], &second["since"])
    );
    let (refused, shown) = (as_nobody(&lab, "rotate"), as_nobody(&lab, "show"));
    assert!(
        refused.code == Some(2) && refused.stderr.contains("root"),
        "{refused}"
    );
    assert!(
        shown.success() && shown.stdout.starts_with(&format!("epoch {epoch}, ")),
        "{shown}"
    );

    daemon.end(Signal::SIGKILL).expect("kill");
    let mut daemon = lab.daemon(&[]).expect("a daemon");
    let kept = key(&lab);
    assert_eq!(
        (&kept["epoch"], &kept["since"]),
        (&second["epoch"], &second["since"])
    );

    daemon.end(Signal::SIGTERM).expect("an end");
    age(&lab, DAY - 3600);
    let mut daemon = lab.daemon(&[]).expect("a daemon");
    let old = key(&lab);
    assert_eq!(old["epoch"], epoch, "it has another hour: {old}");
    fs::write(&lab.paths.config, "[keys]\nrotate-every = \"never\"\n").expect("the configuration");
    hang_up(daemon.pid());
    eventually("the schedule is never", || Ok(key(&lab).get("next_at").is_none())).expect("a reload");
    fs::write(&lab.paths.config, "[keys]\nrotate-every = \"12h\"\n").expect("the configuration");
    hang_up(daemon.pid());
    eventually(
        "an overdue key is rotated",
        || Ok(key(&lab)["epoch"] == epoch + 1),
    )
    .expect("a rotation");
    daemon.wait_for("its time was over").expect("a line");

    daemon.end(Signal::SIGTERM).expect("an end");
    age(&lab, 13 * 3600);
    let _daemon = lab.daemon(&[]).expect("a daemon");
    eventually("a key that grew too old meanwhile is rotated", || {
        Ok(key(&lab)["epoch"] == epoch + 2)
    })
    .expect("a rotation");
}

fn hang_up(pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).expect("a pid"));
    kill(pid, Signal::SIGHUP).expect("SIGHUP");
}
