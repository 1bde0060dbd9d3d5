use cofferdam_api::{Counts, Docker, Feature, Key, Losses, Mode, Profile, Records, Timestamp, VERSION};

use super::*;

fn status_now() -> Status {
    Status {
        version: VERSION,
        daemon: "0.1.0".into(),
        kernel: "6.18.1".into(),
        cgroup_root: "/sys/fs/cgroup".into(),
        bpffs: "/sys/fs/bpf/cofferdam".into(),
        features: vec![
            Feature {
                name: "cgroup/connect4".into(),
                present: true,
            },
            Feature {
                name: "lsm".into(),
                present: false,
            },
        ],
        mode: Mode::Enforce,
        default_profile: Profile::SameLabels,
        off: false,
        adopted: true,
        rollback_at: None,
        docker: Docker {
            state: DockerState::Connected,
            engine: Some("20.10.24".into()),
            api: Some("1.41".into()),
            socket: "/var/run/docker.sock".into(),
            error: None,
        },
        key: Some(Key {
            epoch: 3,
            since: Timestamp::UNIX_EPOCH,
            age_seconds: 14_700,
            rotate_every_seconds: Some(86_400),
            next_at: None,
        }),
        workloads: Counts {
            total: 7,
            containers: 5,
            processes: 2,
            protected: 4,
            enforced: 3,
            observed: 1,
            ..Counts::default()
        },
        policies: cofferdam_api::PolicyCounts {
            folder: "/etc/cofferdam/policies".into(),
            in_force: 2,
            refused_files: 0,
        },
        flows: Default::default(),
        flows_ended: 0,
        losses: Losses::default(),
        exports: Vec::new(),
        records: Records {
            file: "/var/lib/cofferdam/flows.redb".into(),
            kept: 4711,
            bytes: 3 << 20,
            oldest: None,
            error: None,
        },
        heartbeat_age_ms: 12,
        uptime_seconds: 3700,
        rss_bytes: 13 << 20,
        warnings: vec![],
    }
}

fn plain(status: &Status) -> String {
    anstream::adapter::strip_str(&text(status)).to_string()
}

#[test]
fn a_healthy_status_reads_like_this() {
    let text = plain(&status_now());
    assert_eq!(text, include_str!("status.txt"), "\n{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn off_and_absent_are_loud() {
    let mut status = status_now();
    status.off = true;
    status.docker.state = DockerState::Absent;
    status.docker.error = Some("no such file".into());
    status.losses.flows = 3;
    status.policies.refused_files = 1;
    let text = plain(&status);
    assert!(
        text.starts_with("enforcement  OFF: every workload is open until `cofferdam on`\n"),
        "{text}"
    );
    assert!(
        text.contains("absent: /var/run/docker.sock (no such file)"),
        "{text}"
    );
    assert!(text.contains("3 flow records, 0 not kept, 0 full maps"), "{text}");
    assert!(
        text.contains("2 of /etc/cofferdam/policies, 1 files refused"),
        "{text}"
    );
}

#[test]
fn exports_tell_what_they_sent_and_why_they_fail() {
    let mut status = status_now();
    let good = ExportView {
        name: "export.journald".into(),
        target: "/run/systemd/journal/socket".into(),
        sent: 7,
        ..ExportView::default()
    };
    let bad = ExportView {
        name: "webhook-1".into(),
        target: "https://example.org".into(),
        waiting: 3,
        dropped: 2,
        error: Some("connection refused".into()),
        ..ExportView::default()
    };
    status.exports = vec![good, bad];
    let text = plain(&status);
    assert!(
        text.contains("\nexport       export.journald to /run/systemd/journal/socket: 7 sent\n"),
        "{text}"
    );
    let line = "export       webhook-1 to https://example.org: 0 sent, 3 waiting, 2 dropped; fails: connection refused\n";
    assert!(text.contains(line), "{text}");
}
