//! What is known, as the API shows it: status, workloads, past flows. Explanations are in `explain`.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use cofferdam_api as api;
use cofferdam_api::{
    Counts, FlowQuery, ListeningPort, PolicyText, Status, VERSION, WorkloadKind, WorkloadView, Workloads,
};
use cofferdam_policy::{Labels, Mode, Protocol, default_profile_text};

use super::Engine;
use super::contained::listening_port;
use crate::Kinds;
use crate::command::Followed;
use crate::error::chain;
use crate::resolve::{Place, Placement};
use crate::state::State;

// === impl Engine ===

impl Engine {
    pub(super) fn status(&self) -> Status {
        let features = self.enforcer.features().iter().cloned();
        let rollback = self.state.choices.rollback.as_ref();
        Status {
            version: VERSION,
            daemon: env!("CARGO_PKG_VERSION").to_owned(),
            kernel: kernel_release(),
            cgroup_root: self.cgroup_root.display().to_string(),
            bpffs: self.options.bpffs.display().to_string(),
            features: features
                .map(|(name, present)| api::Feature { name, present })
                .collect(),
            mode: self.config.mode.into(),
            default_profile: self.config.default.into(),
            off: self.state.choices.off,
            adopted: self.enforcer.kernel().adopted(),
            rollback_at: rollback.map(|rollback| rollback.at),
            docker: self.docker_view(),
            key: self.key(),
            workloads: self.counts(),
            policies: self.policy_counts(),
            flows: self.flows.counts.all(),
            flows_ended: self.enforcer.ended_flows(),
            losses: self.losses(),
            records: self.flows.records(),
            exports: self.exports.views(),
            heartbeat_age_ms: u64::try_from(self.beaten.elapsed().as_millis()).unwrap_or(u64::MAX),
            uptime_seconds: self.started.elapsed().as_secs(),
            rss_bytes: resident_bytes(),
            warnings: self.warnings(),
        }
    }

    /// The one line of a start: version, where, what the kernel gives, how many workloads, mode.
    pub(crate) fn start_line(&self, word: &str) -> String {
        let features = self.enforcer.features();
        let named = |wanted: bool| -> Vec<String> {
            features
                .iter()
                .filter(|(_, has)| *has == wanted)
                .map(|(name, _)| name.clone())
                .collect()
        };
        let without = match named(false) {
            missing if missing.is_empty() => String::new(),
            missing => format!("; without {}", missing.join(", ")),
        };
        let counts = self.counts();
        let mode = match (self.state.choices.off, self.config.mode) {
            (true, _) => "OFF (`cofferdam on` ends that)".to_owned(),
            (false, mode) => api::Mode::from(mode).to_string(),
        };
        format!(
            "cofferdam {} {word} in {} ms: {}, Linux {} ({}{without}), {} workloads ({} protected, {} of them observed), mode {mode}",
            env!("CARGO_PKG_VERSION"),
            self.started.elapsed().as_millis(),
            self.cgroup_root.display(),
            kernel_release(),
            named(true).join(", "),
            counts.total,
            counts.protected,
            counts.observed,
        )
    }

    /// The same for `systemctl status`, shorter.
    pub(super) fn short_status(&self) -> String {
        let counts = self.counts();
        let off = if self.state.choices.off { "OFF; " } else { "" };
        let docker = if self.docker.info.is_some() || self.options.kinds == Kinds::Processes {
            ""
        } else {
            "; no Docker"
        };
        format!(
            "{off}{} workloads, {} protected, {} of them observed{docker}",
            counts.total, counts.protected, counts.observed
        )
    }

    fn docker_view(&self) -> api::Docker {
        let state = match (self.options.kinds, &self.docker.info) {
            (Kinds::Processes, _) => api::DockerState::Disabled,
            (_, Some(_)) => api::DockerState::Connected,
            (_, None) => api::DockerState::Absent,
        };
        api::Docker {
            state,
            engine: self.docker.info.as_ref().map(|info| info.version.clone()),
            api: self.docker.info.as_ref().map(|info| info.api_version.clone()),
            socket: crate::startup::docker_socket(&self.options, &self.config)
                .display()
                .to_string(),
            error: self.docker.error.clone(),
        }
    }

    fn counts(&self) -> Counts {
        let all = &self.resolved.placements;
        let count = |is: &dyn Fn(&Placement) -> bool| all.iter().filter(|one| is(one)).count() as u64;
        let protected = |one: &Placement| one.protected_by.is_some();
        let pending = self
            .appeared
            .keys()
            .filter(|id| !self.state.containers.contains_key(*id));
        Counts {
            total: all.len() as u64,
            containers: count(&|one| matches!(one.place, Place::Container(..))),
            processes: count(&|one| matches!(one.place, Place::Run(_))),
            units: count(&|one| matches!(one.place, Place::Unit(_))),
            protected: count(&protected),
            enforced: count(&|one| protected(one) && one.mode == Mode::Enforce),
            observed: count(&|one| protected(one) && one.mode == Mode::Observe),
            pending: pending.count() as u64,
        }
    }

    pub(super) fn losses(&self) -> api::Losses {
        let lost = self.enforcer.kernel().losses().unwrap_or_default();
        api::Losses {
            flows: lost.events,
            unkept: self.flows.lost(),
            map_full: lost.listeners + lost.entries + lost.memories,
            kernel_errors: lost.reads,
        }
    }

    fn warnings(&self) -> Vec<String> {
        let mut all = self.complaints.clone();
        if self.state.choices.off {
            all.insert(
                0,
                "ENFORCEMENT IS OFF for the whole host; `cofferdam on` ends that".to_owned(),
            );
        }
        if let Some(error) = self.flows.records().error {
            all.push(format!(
                "flow records are not kept, and a restart forgets them: {error}"
            ));
        }
        all.extend(self.exports.views().into_iter().filter_map(|one| {
            let error = one.error?;
            Some(format!(
                "{} to {} fails, {} were dropped so far: {error}",
                one.name, one.target, one.dropped
            ))
        }));
        all.extend(self.policies.complaints());
        let labels = self.resolved.placements.iter();
        all.extend(labels.flat_map(|one| one.warnings.iter().map(|text| format!("{}: {text}", one.name))));
        all
    }

    pub(super) fn workloads(&self) -> Workloads {
        let mut listening: BTreeMap<u32, Vec<(Protocol, SocketAddr)>> = BTreeMap::new();
        match self.enforcer.kernel().listeners() {
            Ok(listeners) => {
                for one in listeners {
                    let at = SocketAddr::new(one.address, one.port);
                    listening
                        .entry(one.workload)
                        .or_default()
                        .push((one.protocol, at));
                }
            }
            Err(error) => tracing::warn!("listeners cannot be read: {}", chain(&error)),
        }
        let view = |one: &Placement| {
            let ports = listening.get(&one.entry.workload).into_iter().flatten();
            let ports = ports.map(|(protocol, at)| listening_port(one, *protocol, *at));
            self.view(one, ports.collect())
        };
        Workloads::new(self.resolved.placements.iter().map(view).collect())
    }

    fn view(&self, one: &Placement, mut listening: Vec<ListeningPort>) -> WorkloadView {
        listening.sort();
        listening.dedup();
        let protected = one.protected_by.is_some();
        let (kind, id, network_mode, pid) = self.facts(one);
        let mut openings: Vec<_> = one
            .openings
            .iter()
            .map(|opening| opening.source.clone())
            .collect();
        openings.dedup();
        let ports = one.identity.iter().flat_map(|who| &who.named_ports);
        WorkloadView {
            name: one.name.clone(),
            kind,
            id,
            namespace: one.namespace.clone(),
            labels: Labels::clone(&one.labels),
            identity_labels: one
                .identity
                .as_ref()
                .map(|who| Labels::clone(&who.identity_labels))
                .unwrap_or_default(),
            identity: one.identity.as_ref().map(|who| who.number.0),
            network_mode,
            protected,
            mode: protected.then(|| one.mode.into()),
            listening: if protected { listening } else { Vec::new() },
            containment: self.containment_view(one, pid),
            pid,
            cgroup: self.cgroup_of(&one.place).map(|path| path.display().to_string()),
            profile: one.profile.map(Into::into),
            ports: ports
                .map(|port| (port.name.clone(), format!("{}/{}", port.port, port.protocol)))
                .collect(),
            openings,
            flows: self.flows.counts.of(one.entry.workload),
            notes: one.notes.clone(),
            warnings: one.warnings.clone(),
        }
    }

    /// Kind, id, network mode, first process.
    fn facts(&self, one: &Placement) -> (WorkloadKind, String, String, Option<u32>) {
        let short = || {
            one.key
                .split_once(':')
                .map_or(one.key.clone(), |(_, id)| id.to_owned())
        };
        let network = network_of(&self.state, one);
        match &one.place {
            Place::Container(id, _) => {
                let container = self.state.containers.get(id);
                let pid = container.and_then(|container| container.pid);
                (WorkloadKind::Container, id.to_string(), network, pid)
            }
            Place::Run(_) => {
                let run = self.state.runs.get(&one.key);
                (WorkloadKind::Process, short(), network, run.map(|run| run.pid))
            }
            Place::Unit(cgroup) => {
                let pid = cgroup.as_deref().and_then(crate::cgroups::first_process);
                (WorkloadKind::Unit, short(), network, pid)
            }
        }
    }

    pub(super) fn past_flows(&mut self, query: &FlowQuery) -> Followed {
        let past = self.flows.query(query);
        let enough = query.limit.is_some_and(|limit| past.len() >= limit);
        let losses = self.losses();
        Followed {
            older: self.flows.past().filter(|_| !enough),
            past,
            lost: losses.flows + losses.unkept,
            feed: query.follow.then(|| self.flows.follow(query.updates)),
        }
    }

    pub(super) fn policy_text(&self) -> PolicyText {
        PolicyText {
            version: VERSION,
            profile: self.config.default.into(),
            text: default_profile_text(self.config.default).to_owned(),
        }
    }
}

/// Which network a workload has, in a word.
pub(super) fn network_of(state: &State, one: &Placement) -> String {
    match &one.place {
        Place::Container(id, _) => {
            let container = state.containers.get(id);
            container.map_or_else(String::new, |container| container.network_mode.to_string())
        }
        Place::Run(_) => {
            let host = state.runs.get(&one.key).is_some_and(|run| run.host_network);
            if host { "host" } else { "own" }.to_owned()
        }
        Place::Unit(_) => "host".to_owned(),
    }
}

pub(crate) fn kernel_release() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    read.map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// `VmRSS` of proc_pid_status(5), which is in KiB.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}
