//! Answers of a daemon that tests of this module feed to the model.

use cofferdam_api::{
    Class, Counts, Direction, Docker, DockerState, FlowCounts, FlowEnd, FlowView, Losses, Mode, Profile,
    RuleView, Status, Timestamp, VERSION, Verdict, WorkloadKind, WorkloadView,
};
use jiff::SignedDuration;

use super::model::News;

/// Seconds after (or before) ten in the morning.
pub(super) fn time(seconds: i64) -> Timestamp {
    let ten: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
    ten + SignedDuration::from_secs(seconds)
}

pub(super) fn started(second: u64) -> Timestamp {
    time(i64::try_from(second).unwrap())
}

/// `host` is a class, everything else a workload's name.
fn end(name: &str) -> FlowEnd {
    if name == "host" {
        return FlowEnd::class(Class::Host);
    }
    FlowEnd {
        class: Class::Workload,
        name: Some(name.into()),
        namespace: Some("shop".into()),
        labels: [("app".to_owned(), name.to_owned())].into(),
        identity: Some(257),
        network_mode: Some("host".into()),
    }
}

pub(super) fn flow(from: &str, to: &str, port: u16, verdict: Verdict) -> FlowView {
    let denied = verdict == Verdict::Deny;
    FlowView {
        time: time(0),
        start: None,
        verdict,
        reason: "rule".into(),
        rule: Some(RuleView {
            name: if denied {
                "default/outside"
            } else {
                "default/same-labels"
            }
            .into(),
            source: "built-in".into(),
        }),
        hook: "connect4".into(),
        mode: Mode::Enforce,
        from: end(from),
        to: end(to),
        direction: Some(Direction::Ingress),
        protocol: "tcp".into(),
        source: None,
        destination: ([127, 0, 0, 1], port).into(),
        inner_port: None,
        dns: None,
        object: None,
        pid: Some(4711),
        comm: Some("curl".into()),
        repeats: 1,
        allow_with: denied.then(|| format!("label on app={to}: cofferdam.ingress=host:{port}/tcp")),
        totals: None,
    }
}

pub(super) fn workload(name: &str, flows: FlowCounts) -> WorkloadView {
    WorkloadView {
        name: name.into(),
        kind: WorkloadKind::Container,
        id: format!("id-{name}"),
        namespace: "shop".into(),
        labels: [("app".to_owned(), name.to_owned())].into(),
        identity_labels: [("app".to_owned(), name.to_owned())].into(),
        identity: Some(257),
        network_mode: "host".into(),
        protected: true,
        mode: Some(Mode::Enforce),
        listening: vec![],
        containment: None,
        pid: Some(1),
        cgroup: None,
        profile: None,
        ports: [].into(),
        openings: vec![],
        flows,
        notes: vec![],
        warnings: vec![],
    }
}

pub(super) fn answer(flows: FlowCounts, workloads: Vec<WorkloadView>) -> News {
    let count = |is: fn(&WorkloadView) -> bool| workloads.iter().filter(|one| is(one)).count() as u64;
    let counts = Counts {
        total: count(|_| true),
        protected: count(|one| one.protected),
        enforced: count(|one| one.mode == Some(Mode::Enforce)),
        observed: count(|one| one.mode == Some(Mode::Observe)),
        ..Counts::default()
    };
    let status = Status {
        version: VERSION,
        daemon: "0.1.0".into(),
        kernel: "6.18.1".into(),
        cgroup_root: "/sys/fs/cgroup".into(),
        bpffs: "/sys/fs/bpf/cofferdam".into(),
        features: vec![],
        mode: Mode::Enforce,
        default_profile: Profile::SameLabels,
        off: false,
        adopted: true,
        rollback_at: None,
        docker: Docker {
            state: DockerState::Connected,
            engine: None,
            api: None,
            socket: "/var/run/docker.sock".into(),
            error: None,
        },
        key: None,
        workloads: counts,
        policies: Default::default(),
        exports: vec![],
        flows,
        flows_ended: 0,
        losses: Losses::default(),
        records: Default::default(),
        heartbeat_age_ms: 100,
        uptime_seconds: 100,
        rss_bytes: 1 << 24,
        warnings: vec![],
    };
    News::Answer(Box::new(status), workloads)
}
