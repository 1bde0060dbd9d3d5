//! The loop: one task owns the data plane, the state and all that is known; everybody else sends it messages.
//!
//! observe (`observe`) → resolve, compile, plan, apply (`reconcile`) → record (`record`). Requests of the API are
//! answered in `choices`, `runs` and `views`. Nothing here waits for anything slower than the kernel or a file.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cofferdam_api::Stopped;
use cofferdam_policy::{Compiler, Mode};
use cofferdam_workload::{Change, ContainerId, EngineInfo};
use tokio::signal::unix::SignalKind;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::alerts::Alerts;
use crate::command::{Command, Reply};
use crate::config::{Config, Established, Wanted};
use crate::enforcer::{Closed, Enforcer, Global};
use crate::error::chain;
use crate::export::Exports;
use crate::flows::FlowStore;
use crate::metrics::Metrics;
use crate::names::Names;
use crate::policies::{Folder, Policies};
use crate::resolve::{Fingerprints, FoundUnit, HostFacts, Resolved};
use crate::state::{Saver, State};
use crate::{Error, Kinds, Options};

mod beat;
mod choices;
mod contained;
mod ending;
mod explain;
mod export;
mod facts;
mod keep;
mod keys;
mod observe;
mod policies;
mod reconcile;
mod record;
mod reload;
mod runs;
mod strays;
#[cfg(test)]
mod tests;
mod units;
mod views;
mod wait;

use export::host_name;
pub(crate) use views::kernel_release;
use wait::{Watches, heard, listen, until};

/// How often the daemon shows the data plane that it lives; the kernel gives it up after five seconds.
const BEAT: Duration = Duration::from_secs(1);

/// How often the ring is read unasked: allowed flows wake nobody, because a waking costs more than a connection.
const LOOK: Duration = Duration::from_millis(100);

/// Why the loop ended.
pub(crate) enum Ending {
    /// SIGTERM or SIGINT: enforcement stays in the kernel.
    Signal,
    /// `daemon stop`; with `true` everything is to be removed. The answer waits until it is.
    Asked(bool, Reply<Stopped>),
}

/// Messages from outside, and the signals.
pub(crate) struct Inbox {
    /// The container engine.
    pub(crate) docker: mpsc::Receiver<Change>,
    /// The API.
    pub(crate) commands: mpsc::Receiver<Command>,
    /// The host's addresses changed.
    pub(crate) host: mpsc::Receiver<()>,
}

/// Everything that is known.
pub(crate) struct Engine {
    options: Options,
    config: Config,
    state: State,
    enforcer: Enforcer,
    cgroup2: PathBuf,
    cgroup_root: PathBuf,
    host: HostFacts,
    units: Vec<FoundUnit>,
    unit_watch: units::UnitWatch,
    /// Ids of their cgroups: a restarted unit has another one under the same name.
    unit_ids: Vec<Option<u64>>,
    strays: strays::Strays,
    /// The policy folder, and its books.
    folder: Folder,
    policies: Policies,
    /// When the policy folder is looked at next.
    look_due: Option<Instant>,
    compiler: Compiler,
    fingerprints: Fingerprints,
    resolved: Resolved,
    /// Since when the policy names runs that have ended.
    leftover: Option<Instant>,
    flows: FlowStore,
    metrics: Arc<Metrics>,
    exports: Exports,
    alerts: Alerts,
    checkup: export::Checkup,
    /// Connections that have ended, and whose records may not have been read yet.
    closed: Vec<Closed>,
    names: Names,
    /// Whether anything changed since all names were looked up.
    names_due: bool,
    docker: DockerSeen,
    /// Watched parents: cgroup id → folder.
    parents: BTreeMap<u64, PathBuf>,
    /// Cgroups that the kernel told of, and whether it bound them, before Docker told where they are.
    appeared: HashMap<ContainerId, Appeared>,
    /// Process → namespace cookie of containers.
    cookies: HashMap<ContainerId, (u32, u64)>,
    started: Instant,
    beaten: Instant,
    /// The next of the chores of a beat, and when its time is; `None`: all are done.
    chore: usize,
    chore_due: Option<Instant>,
    /// The state differs from its file.
    dirty: bool,
    saver: Saver,
    /// Who waits for which state to be in its file.
    waiting: VecDeque<(u64, keep::Then)>,
    /// Complaints that stand; `status` shows them.
    complaints: Vec<String>,
    /// What systemd was told last.
    told: String,
    /// Lines that were logged once.
    said: HashSet<String>,
}

/// The container engine, as far as it answers.
#[derive(Debug, Default)]
struct DockerSeen {
    /// Who answers.
    info: Option<EngineInfo>,
    /// Why nobody does.
    error: Option<String>,
    /// The list of containers is today's, not the state file's.
    synced: bool,
}

/// A container's cgroup, as the kernel told of it.
#[derive(Clone, Debug)]
struct Appeared {
    cgroup: PathBuf,
    /// An announcement was waiting: it has its policy from birth.
    bound: bool,
    at: Instant,
}

/// What `startup` found out before there was an engine.
pub(crate) struct Ground {
    /// The command line.
    pub(crate) options: Options,
    /// The configuration, the command line laid over it.
    pub(crate) config: Config,
    /// What was kept.
    pub(crate) state: State,
    /// The data plane.
    pub(crate) enforcer: Enforcer,
    /// The root of the hierarchy.
    pub(crate) cgroup2: PathBuf,
    /// What is enforced of it.
    pub(crate) cgroup_root: PathBuf,
    /// The host.
    pub(crate) host: HostFacts,
    /// When all began.
    pub(crate) started: Instant,
}

// === impl Engine ===

impl Engine {
    /// Brings the kernel up to what the state says; Docker has not been asked yet.
    pub(crate) fn new(ground: Ground) -> Result<Self, Error> {
        let folder = Folder::open(&ground.config.policy.folder, &ground.options.state_dir);
        let policies = Policies::new(&ground.config.policy.folder, folder.kept());
        let mut engine = Self {
            saver: Saver::start(ground.options.state_dir.clone())?,
            flows: FlowStore::new(ground.config.flows.keep),
            metrics: Arc::new(Metrics::new(ground.config.metrics.pairs)),
            options: ground.options,
            config: ground.config,
            state: ground.state,
            enforcer: ground.enforcer,
            cgroup2: ground.cgroup2,
            cgroup_root: ground.cgroup_root,
            host: ground.host,
            units: Vec::new(),
            unit_watch: units::UnitWatch::start(),
            unit_ids: Vec::new(),
            strays: strays::Strays::default(),
            folder,
            policies,
            look_due: None,
            compiler: Compiler::default(),
            fingerprints: Fingerprints::default(),
            resolved: Resolved::default(),
            leftover: None,
            exports: Exports::new(host_name()),
            alerts: Alerts::new(host_name(), Instant::now()),
            checkup: export::Checkup::default(),
            closed: Vec::new(),
            names: Names::default(),
            names_due: false,
            docker: DockerSeen::default(),
            parents: BTreeMap::new(),
            appeared: HashMap::new(),
            cookies: HashMap::new(),
            started: ground.started,
            beaten: Instant::now(),
            chore: 0,
            chore_due: None,
            dirty: true,
            waiting: VecDeque::new(),
            complaints: Vec::new(),
            told: String::new(),
            said: HashSet::new(),
        };
        engine.recall_key();
        engine.recall()?;
        engine.save();
        Ok(engine)
    }

    /// Runs until a signal or a request ends it.
    pub(crate) async fn run(&mut self, inbox: &mut Inbox) -> Result<Ending, Error> {
        let Watches {
            events,
            units,
            folder,
        } = self.watches()?;
        let [mut term, mut int, mut hup] = [
            listen(SignalKind::terminate())?,
            listen(SignalKind::interrupt())?,
            listen(SignalKind::hangup())?,
        ];
        let (saved, retired) = (self.saver.woken(), self.enforcer.retired());
        let mut tick = tokio::time::interval(BEAT);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = term.recv() => return Ok(Ending::Signal),
                _ = int.recv() => return Ok(Ending::Signal),
                _ = hup.recv() => self.reload(),
                _ = tick.tick() => self.tick(),
                () = heard(units.as_ref()) => self.hear_units(),
                () = heard(folder.as_ref()) => self.hear_policies(),
                () = until(self.look_due) => { self.look_at_policies(); }
                () = until(self.chore_due) => self.do_chore(),
                () = saved.notified() => self.hear_saver(),
                () = retired.notified() => self.finish_change(),
                // Before commands: who asks without an end holds up nothing that is due.
                _ = look.tick() => self.look(),
                Some(change) = inbox.docker.recv() => self.absorb_all(change, &mut inbox.docker),
                Some(command) = inbox.commands.recv() => {
                    if let Some(ending) = self.answer(command) {
                        return Ok(ending);
                    }
                }
                Some(()) = inbox.host.recv() => self.host_changed().await,
                ready = events.readable() => {
                    let more = self.record_events();
                    if let Ok(mut ready) = ready
                        && !more
                    {
                        ready.clear_ready();
                    }
                }
            }
        }
    }

    /// Waits for Docker's first word, at most until `patience`. What the state file knows is in force already.
    pub(crate) async fn first_look(&mut self, docker: &mut mpsc::Receiver<Change>, patience: Instant) {
        let least = Instant::now() + Duration::from_millis(100);
        let deadline = tokio::time::Instant::from_std(patience.max(least));
        while !self.docker.synced && self.docker.error.is_none() && self.options.kinds != Kinds::Processes {
            match tokio::time::timeout_at(deadline, docker.recv()).await {
                Ok(Some(change)) => self.absorb_all(change, docker),
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Everything is bound again: what an earlier daemon attached may go.
    pub(crate) fn settle(&mut self) {
        if let Err(error) = self.enforcer.settle() {
            self.complain(format!(
                "hooks of an earlier daemon are still attached: {}",
                chain(&error)
            ));
        }
    }

    /// `off` and `--mode observe` are switches of the data plane as a whole.
    fn apply_global(&mut self) {
        let global = Global {
            off: self.state.choices.off,
            observe: self.config.mode == Mode::Observe,
            denials_only: self.config.flows.record == Wanted::Denied,
            host_netns: self.host.netns,
        };
        if let Err(error) = self.enforcer.set_global(global) {
            self.complain(format!("the data plane could not be switched: {}", chain(&error)));
        }
        self.enforcer
            .set_ends_flows(self.config.policy.established == Established::End);
    }

    /// `off` and `on` reach the kernel past a daemon that hangs: the kernel has the last word.
    fn hear_switch(&mut self) {
        let Ok(global) = self.enforcer.kernel().global() else {
            return;
        };
        if global.off != self.state.choices.off {
            self.state.choices.off = global.off;
            self.dirty = true;
            self.enforcer.look_everywhere();
            tracing::warn!(
                "enforcement was switched {} in the kernel",
                if global.off {
                    "OFF for the whole host"
                } else {
                    "on"
                }
            );
        }
    }

    fn verify(&mut self) {
        use crate::enforcer::Verified;
        match self.enforcer.verify() {
            Ok(Verified::Idle | Verified::Same) => {}
            Ok(Verified::Mended(steps)) => {
                let line =
                    format!("the kernel held something else than it was told; {steps} entries were mended");
                self.alerts.at_risk("altered", &line);
                self.complain(line);
            }
            Err(error) => self.complain(format!("the policy could not be read back: {}", chain(&error))),
        }
    }

    /// What the last change left behind goes.
    pub(crate) fn finish_change(&mut self) {
        for line in self.enforcer.finish() {
            self.complain(line);
        }
    }

    /// Flows that were ended are in the records; this is what went wrong.
    fn hear_ends(&mut self) {
        for line in self.enforcer.ending_trouble() {
            self.complain(line);
        }
    }

    /// `systemctl status` shows it.
    fn tell_systemd(&mut self) {
        let line = self.short_status();
        if line != self.told {
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Status(&line)]);
            self.told = line;
        }
    }

    /// Loud, and kept for `status`; the same line stands there once.
    pub(crate) fn complain(&mut self, line: String) {
        const KEPT: usize = 20;
        tracing::error!("{line}");
        if !self.complaints.contains(&line) {
            self.complaints.push(line);
            let excess = self.complaints.len().saturating_sub(KEPT);
            self.complaints.drain(..excess);
        }
    }

    /// How many workloads have a policy.
    pub(crate) fn protected_count(&self) -> usize {
        self.resolved
            .placements
            .iter()
            .filter(|placement| placement.protected_by.is_some())
            .count()
    }
}
