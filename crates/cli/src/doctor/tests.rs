use cofferdam_api::ClientError;
use cofferdam_policy::containment::State;

use super::host::{Facts, checks};
use super::*;

fn good() -> Facts {
    Facts {
        root: true,
        kernel: "6.18.44-x".into(),
        btf: true,
        lsms: String::new(),
        mounts: "proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\nbpf /sys/fs/bpf bpf rw 0 0\n"
            .into(),
        docker_socket: "/d".into(),
        docker: Ok(()),
    }
}

fn results(facts: &Facts) -> Vec<(&'static str, Outcome)> {
    checks(facts)
        .into_iter()
        .map(|check| (check.name, check.result))
        .collect()
}

#[test]
fn a_good_host_is_all_ok() {
    assert!(results(&good()).iter().all(|(_, result)| *result == Outcome::Ok));
}

#[test]
fn what_is_missing_fails_and_says_what_to_do() {
    let bad = Facts {
        root: false,
        kernel: "4.19.0".into(),
        btf: false,
        lsms: String::new(),
        mounts: "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n".into(),
        docker_socket: "/d".into(),
        docker: Err(std::io::ErrorKind::NotFound),
    };
    let expected = [
        ("user", Outcome::Warn),
        ("kernel", Outcome::Fail),
        ("btf", Outcome::Fail),
        ("cgroup2", Outcome::Fail),
        ("bpffs", Outcome::Fail),
        ("docker", Outcome::Warn),
    ];
    assert_eq!(results(&bad), expected);
    assert!(checks(&bad).iter().all(|check| check.hint.is_some()));
}

#[test]
fn an_absent_daemon_is_a_warning_and_a_broken_one_a_failure() {
    let absent = service::checks(Err(ClientError::Absent("/s".into())));
    assert_eq!((absent.len(), absent[0].result), (1, Outcome::Warn));
    let late = service::checks(Err(ClientError::Late));
    assert_eq!(late[0].result, Outcome::Fail);
}

#[test]
fn a_line_has_its_hint_below() {
    let answer = Checks {
        version: VERSION,
        checks: vec![
            Check::ok("kernel", "6.18"),
            Check::fail("bpffs", "no bpffs is mounted", "mount it"),
        ],
        containment: vec![],
    };
    let text: String = answer.checks.iter().map(Check::lines).collect();
    let text = anstream::adapter::strip_str(&text).to_string();
    assert_eq!(
        text,
        "ok    kernel      6.18\nfail  bpffs       no bpffs is mounted\n                  hint: mount it\n"
    );
    let value = serde_json::to_value(&answer).unwrap();
    assert_eq!(
        value["checks"][1],
        serde_json::json!({"name":"bpffs","result":"fail","observed":"no bpffs is mounted","hint":"mount it"})
    );
}

/// The attack suite and others read it: keys and states stay.
#[test]
fn the_table_of_containment_is_the_kernels() {
    let rows = stops(good().hooks());
    let packet = serde_json::to_value(&rows[6]).unwrap();
    assert_eq!(
        (&packet["what"], &packet["title"]),
        (&"packet".into(), &"packet capture (AF_PACKET)".into())
    );
    let states = ["default", "strict", "run_strict"].map(|key| packet[key].as_str().unwrap_or_default());
    assert_eq!(states, ["open", "open", "stopped"]);
    let shown = anstream::adapter::strip_str(&containment::text(&rows)).to_string();
    let head = "packet capture (AF_PACKET) open        open        stopped";
    assert!(
        shown.contains(head) && shown.contains("cap_drop: [NET_RAW]"),
        "{shown}"
    );
    let lsm = host::Facts {
        lsms: "lockdown,capability,bpf".into(),
        ..good()
    };
    assert!(stops(lsm.hooks()).iter().all(|row| row.default != State::Open));
}
