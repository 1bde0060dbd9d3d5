//! Attacks from inside a protected workload: each is tried from a host-mode container with Docker's default capabilities and
//! from a process that is root, without Cofferdam, with the default containment and with `strict`. It has succeeded where its
//! effect shows: a byte that arrived, a packet of others that was read, a sysctl that changed.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;

pub mod page;
pub mod program;
mod rows;
mod running;
mod scene;
mod strikes;
mod table;

pub use rows::{GROUPS, Group};
pub use table::Answer;

use rows::Row;
use scene::Scene;

/// Where an attack comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A container on the host's network, with Docker's default capabilities.
    Container,
    /// A process of `cofferdam run` that is root, with all capabilities.
    Process,
}

/// How much is contained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What a workload gets that asks for nothing.
    Default,
    /// `cofferdam.contain: strict`.
    Strict,
}

/// Both.
pub(crate) const LEVELS: [Level; 2] = [Level::Default, Level::Strict];

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Where it ended: the call and its error, or that it went through.
    pub outcome: String,
    /// What proves that it worked.
    pub effect: Option<String>,
}

/// One attack, from one place, at one level.
#[derive(Clone, Debug, Serialize)]
pub struct Tried {
    /// Its group.
    pub group: &'static str,
    /// Its name.
    pub attack: &'static str,
    /// Where it comes from.
    pub from: Origin,
    /// How much is contained.
    pub level: Level,
    /// What came of it without Cofferdam.
    pub control: Seen,
    /// What came of it.
    pub seen: Seen,
    /// What the table says.
    pub expected: Answer,
    /// What `cofferdam doctor` says of it: the state, where it has a row for it.
    pub doctor: Option<String>,
    /// Why this row is wrong.
    pub wrong: Option<String>,
}

/// What this machine has that stops some of them.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    /// Whether programs of BPF LSM are in force.
    pub lsm: bool,
}

/// Tries every attack of these groups at every level that this version has. `told` hears of each as it ends.
pub fn run(groups: &[&Group], mut told: impl FnMut(&Tried)) -> Result<Vec<Tried>> {
    let program = program::build()?;
    let mut all = Vec::new();
    for group in groups {
        let mut controls = Vec::new();
        let scene = Scene::without(&program)?;
        for (row, origin) in pairs(group) {
            controls.push(scene.play(row, origin, Level::Default)?);
        }
        drop(scene);
        let scene = Scene::with(&program)?;
        let kernel = Kernel::here();
        let doctor = scene.doctor()?;
        for ((row, origin), control) in pairs(group).zip(controls) {
            for level in LEVELS {
                let seen = scene.play(row, origin, level)?;
                let expected = row.answers.of(level, origin, kernel);
                let mut tried = Tried {
                    group: group.name,
                    attack: row.name,
                    from: origin,
                    level,
                    control: control.clone(),
                    doctor: doctor.state(row.doctor, origin, level),
                    wrong: None,
                    seen,
                    expected,
                };
                tried.wrong = tried.judge();
                told(&tried);
                all.push(tried);
            }
        }
    }
    Ok(all)
}

fn pairs(group: &Group) -> impl Iterator<Item = (&'static Row, Origin)> {
    let both = [Origin::Container, Origin::Process];
    let rows = group.rows.iter();
    rows.flat_map(move |row| both.into_iter().map(move |origin| (row, origin)))
}

/// The group of this name.
pub fn group(name: &str) -> Result<&'static Group> {
    let found = GROUPS.iter().find(|group| group.name == name);
    found.with_context(|| {
        let names: Vec<_> = GROUPS.iter().map(|group| group.name).collect();
        format!("there is no group {name:?}\nhint: {}", names.join(", "))
    })
}

/// Tries a group; an error names what is wrong.
pub fn hold(name: &str) -> Result<()> {
    let tried = run(&[group(name)?], |_| ())?;
    ensure!(!tried.is_empty(), "nothing was tried");
    let wrong: Vec<String> = tried.iter().filter_map(Tried::complaint).collect();
    if !wrong.is_empty() {
        bail!("{} of {} rows:\n{}", wrong.len(), tried.len(), wrong.join("\n"));
    }
    Ok(())
}

// === impl Tried ===

impl Tried {
    /// Why this row is wrong, if it is: an attack that is said to be stopped and is not, or the other way round, or one that
    /// would not have worked without Cofferdam either.
    fn judge(&self) -> Option<String> {
        match (&self.expected, &self.seen.effect) {
            (Answer::Stopped { by }, Some(effect)) => Some(format!("{by} should have stopped it: {effect}")),
            (Answer::Stopped { by }, None) if self.control.effect.is_none() && !self.may_fail_anyway(by) => {
                Some("it proves nothing: without Cofferdam it does not work either".to_owned())
            }
            (Answer::Seen { .. }, Some(effect)) if !effect.ends_with("recorded") => {
                Some("the table says that it is recorded, and it was not".to_owned())
            }
            (Answer::Open { .. } | Answer::Seen { .. }, None) => {
                Some("the table says that it is not stopped, and it was".to_owned())
            }
            _ => self.doctor_differs(),
        }
    }

    /// Docker and the kernel stop some of them before Cofferdam could; newer Dockers also io_uring.
    fn may_fail_anyway(&self, by: &str) -> bool {
        let cannot = ["EPROTONOSUPPORT", "io_uring_setup"];
        by.starts_with("Docker")
            || by.starts_with("the kernel")
            || cannot.iter().any(|what| self.control.outcome.contains(what))
    }

    fn doctor_differs(&self) -> Option<String> {
        let state = self.doctor.as_deref()?;
        let stopped = self.seen.effect.is_none();
        let says = match state {
            "stopped" => true,
            "seen" | "open" => false,
            _ => return None,
        };
        (says != stopped && self.control.effect.is_some())
            .then(|| format!("cofferdam doctor says `{state}`, and it was not so"))
    }

    /// One line about a wrong row.
    pub fn complaint(&self) -> Option<String> {
        let wrong = self.wrong.as_ref()?;
        Some(format!(
            "{} from a {:?} ({:?}): {wrong}; seen: {}; without: {}",
            self.attack, self.from, self.level, self.seen, self.control
        ))
    }
}

// === impl Seen ===

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.effect {
            Some(effect) => write!(f, "{} ({effect})", self.outcome),
            None => f.write_str(&self.outcome),
        }
    }
}

// === impl Kernel ===

impl Kernel {
    /// The running one.
    pub fn here() -> Self {
        let modules = std::fs::read_to_string(PathBuf::from("/sys/kernel/security/lsm"));
        Self {
            lsm: modules.is_ok_and(|text| text.split(',').any(|name| name.trim() == "bpf")),
        }
    }
}
