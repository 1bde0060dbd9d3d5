//! What is known anyway, as numbers: set each time somebody asks.

use cofferdam_api::{DockerState, ExportView, Mode, Status};

use super::book::{Book, Count, Level};
use super::process::Process;

/// What the loop tells.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// As the API gives it.
    pub(crate) status: Status,
    /// Hooks that everybody passes, and whether each is attached.
    pub(crate) hooks: Vec<(&'static str, bool)>,
    /// Protected cgroups whose packet hooks somebody took off.
    pub(crate) unhooked: u64,
    /// How full maps are.
    pub(crate) maps: Vec<Fill>,
    /// Handshakes in which the identity had no room, and whose identity did not verify.
    pub(crate) handshakes: (u64, u64),
    /// How long the file of flow records may become.
    pub(crate) store_limit: u64,
}

/// One map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fill {
    /// Its name.
    pub(crate) map: &'static str,
    /// What it holds.
    pub(crate) entries: u64,
    /// What it can hold.
    pub(crate) most: u64,
}

/// Their metrics.
pub(super) struct Gauges {
    build: Level,
    enforcement: Enforcement,
    docker: Level,
    workloads: Level,
    pending: Level,
    policies: Level,
    policy_errors: Level,
    warnings: Level,
    key_age: Level,
    records: Records,
    maps: Maps,
    exports: Exports,
    process: Process,
}

struct Enforcement {
    on: Level,
    hooks: Level,
    unhooked: Level,
    heartbeat: Level,
    ended: Count,
    handshakes: Count,
}

struct Records {
    lost: Count,
    count: Level,
    bytes: Level,
    most: Level,
    failed: Level,
}

struct Exports {
    sent: Count,
    dropped: Count,
    waiting: Level,
    failing: Level,
}

struct Maps {
    entries: Level,
    most: Level,
    full: Count,
    errors: Count,
}

// === impl Gauges ===

impl Gauges {
    pub(super) fn register(book: &mut Book) -> Self {
        Self {
            build: book.level(
                "cofferdam_build_info",
                &["version", "kernel"],
                "1; its labels say which daemon runs on which kernel",
            ),
            enforcement: Enforcement::register(book),
            docker: book.level(
                "cofferdam_docker_connected",
                &[],
                "1: the container engine answers. Absent where it is not asked",
            ),
            workloads: book.level(
                "cofferdam_workloads",
                &["protection"],
                "Workloads: enforced, observed or unprotected",
            ),
            pending: book.level(
                "cofferdam_workloads_pending",
                &[],
                "Containers whose labels are not known yet",
            ),
            policies: book.level("cofferdam_policies", &[], "Policy documents in force"),
            policy_errors: book.level(
                "cofferdam_policy_errors",
                &[],
                "Policy files of which something else is in force than they say",
            ),
            warnings: book.level("cofferdam_warnings", &[], "Warnings that cofferdam status shows"),
            key_age: book.level(
                "cofferdam_key_age_seconds",
                &[],
                "Since the key that signs handshakes does so",
            ),
            records: Records::register(book),
            maps: Maps::register(book),
            exports: Exports::register(book),
            process: Process::register(book),
        }
    }

    pub(super) fn set(&self, facts: &Facts) {
        let status = &facts.status;
        self.build.set(&[&status.daemon, &status.kernel], 1);
        self.enforcement.set(facts);
        if status.docker.state != DockerState::Disabled {
            let connected = status.docker.state == DockerState::Connected;
            self.docker.set(&[], u64::from(connected));
        }
        let counts = status.workloads;
        self.workloads.set(&["enforced"], counts.enforced);
        self.workloads.set(&["observed"], counts.observed);
        let unprotected = counts.total.saturating_sub(counts.protected);
        self.workloads.set(&["unprotected"], unprotected);
        self.pending.set(&[], counts.pending);
        self.policies.set(&[], status.policies.in_force);
        self.policy_errors.set(&[], status.policies.refused_files);
        self.warnings.set(&[], status.warnings.len() as u64);
        if let Some(key) = &status.key {
            self.key_age.set(&[], key.age_seconds);
        }
        self.records.set(facts);
        self.maps.set(facts);
        self.exports.set(&status.exports);
        self.process.set();
    }
}

// === impl Enforcement ===

impl Enforcement {
    fn register(book: &mut Book) -> Self {
        Self {
            on: book.level(
                "cofferdam_enforcing",
                &[],
                "1: verdicts are carried out. 0: enforcement is off, or the daemon only observes",
            ),
            hooks: book.level(
                "cofferdam_hook_attached",
                &["hook"],
                "1: the program that everybody passes there is attached. 0: somebody took it off",
            ),
            unhooked: book.level(
                "cofferdam_cgroups_unhooked",
                &[],
                "Protected cgroups whose packet programs somebody took off",
            ),
            heartbeat: book.level(
                "cofferdam_heartbeat_age_seconds",
                &[],
                "Since the daemon told the kernel that it lives",
            ),
            ended: book.count(
                "cofferdam_flows_ended",
                &[],
                "Established flows that were ended because a change denied them",
            ),
            handshakes: book.count(
                "cofferdam_handshakes_unproved",
                &["why"],
                "Handshakes without a proved identity: no-room (the segment had no room for it) or bad-tag (forged, altered \
                 or replayed)",
            ),
        }
    }

    fn set(&self, facts: &Facts) {
        let status = &facts.status;
        let enforcing = !status.off && status.mode == Mode::Enforce;
        self.on.set(&[], u64::from(enforcing));
        for (hook, attached) in &facts.hooks {
            self.hooks.set(&[hook], u64::from(*attached));
        }
        self.unhooked.set(&[], facts.unhooked);
        self.heartbeat.set_to(&[], seconds_of(status.heartbeat_age_ms));
        self.ended.set(&[], status.flows_ended);
        self.handshakes.set(&["no-room"], facts.handshakes.0);
        self.handshakes.set(&["bad-tag"], facts.handshakes.1);
    }
}

// === impl Exports ===

impl Exports {
    fn register(book: &mut Book) -> Self {
        let labels = &["export"];
        Self {
            sent: book.count(
                "cofferdam_export_sent",
                labels,
                "Flow records, or alerts, that the receiver took. export is the key of the configuration",
            ),
            dropped: book.count(
                "cofferdam_export_dropped",
                labels,
                "Those that it did not take: its queue was full, or it refused them for good",
            ),
            waiting: book.level("cofferdam_export_waiting", labels, "Those that wait for it"),
            failing: book.level(
                "cofferdam_export_failing",
                labels,
                "1: it fails at present; cofferdam status says why",
            ),
        }
    }

    fn set(&self, views: &[ExportView]) {
        self.waiting.clear();
        self.failing.clear();
        for one in views {
            let name: &[&str] = &[&one.name];
            self.sent.set(name, one.sent);
            self.dropped.set(name, one.dropped);
            self.waiting.set(name, one.waiting);
            self.failing.set(name, u64::from(one.error.is_some()));
        }
    }
}

// === impl Records, impl Maps ===

impl Records {
    fn register(book: &mut Book) -> Self {
        Self {
            lost: book.count(
                "cofferdam_flow_records_lost",
                &["where"],
                "Flow records that were lost. kernel: the ring had no room. store: the file did not take them. Their verdicts \
                 stand",
            ),
            count: book.level("cofferdam_store_records", &[], "Flow records in the file"),
            bytes: book.level("cofferdam_store_bytes", &[], "Length of the file of flow records"),
            most: book.level("cofferdam_store_max_bytes", &[], "What that file may become"),
            failed: book.level(
                "cofferdam_store_failed",
                &[],
                "1: flow records are not kept at present; cofferdam status says why",
            ),
        }
    }

    fn set(&self, facts: &Facts) {
        let status = &facts.status;
        self.lost.set(&["kernel"], status.losses.flows);
        self.lost.set(&["store"], status.losses.unkept);
        self.count.set(&[], status.records.kept);
        self.bytes.set(&[], status.records.bytes);
        self.most.set(&[], facts.store_limit);
        self.failed.set(&[], u64::from(status.records.error.is_some()));
    }
}

impl Maps {
    fn register(book: &mut Book) -> Self {
        Self {
            entries: book.level(
                "cofferdam_map_entries",
                &["map"],
                "Entries of a map of the kernel's half",
            ),
            most: book.level("cofferdam_map_max_entries", &["map"], "How many it can hold"),
            full: book.count(
                "cofferdam_map_full",
                &[],
                "Inserts that found a map full since the data plane was loaded",
            ),
            errors: book.count(
                "cofferdam_kernel_errors",
                &[],
                "Functions of the kernel that failed in a program since the data plane was loaded",
            ),
        }
    }

    fn set(&self, facts: &Facts) {
        for fill in &facts.maps {
            self.entries.set(&[fill.map], fill.entries);
            self.most.set(&[fill.map], fill.most);
        }
        self.full.set(&[], facts.status.losses.map_full);
        self.errors.set(&[], facts.status.losses.kernel_errors);
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "an age in milliseconds is far from 2^52"
)]
fn seconds_of(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}
