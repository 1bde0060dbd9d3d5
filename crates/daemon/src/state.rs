//! What outlives a restart: numbers, the user's choices, `run` workloads, and the containers last seen.
//!
//! One JSON file with a schema number, replaced whole (write beside, fsync, rename). A newer schema is refused, a
//! broken file is set aside and said loudly. Who decides with it: `resolve` and `engine`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use cofferdam_api::Timestamp;
use cofferdam_policy::{Labels, Mode, RuleText};
use cofferdam_workload::{Container, ContainerId};
use serde::{Deserialize, Serialize};

use crate::Error;
pub(crate) use numbers::{Numbers, loopbacks};
pub(crate) use saver::Saver;

mod numbers;
mod saver;
#[cfg(test)]
mod tests;

/// The schema that this program writes. Older ones are read; newer ones are refused.
const SCHEMA: u32 = 1;
const FILE: &str = "state.json";

/// Everything in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    schema: u32,
    /// Numbers that the kernel holds.
    #[serde(default)]
    pub(crate) numbers: Numbers,
    /// What the user asked for.
    #[serde(default)]
    pub(crate) choices: Choices,
    /// Live workloads of `cofferdam run`, by key.
    #[serde(default)]
    pub(crate) runs: BTreeMap<String, Run>,
    /// The number in the name of the last `run` cgroup.
    #[serde(default)]
    pub(crate) last_run: u64,
    /// Containers as Docker last described them: announced at boot before Docker answers.
    #[serde(default)]
    pub(crate) containers: BTreeMap<ContainerId, Container>,
    /// Rule numbers in the kernel → what they stand for.
    #[serde(default)]
    pub(crate) rules: Vec<RuleText>,
    /// Where the engine makes cgroups, as it said last; relative to the root of the hierarchy.
    #[serde(default)]
    pub(crate) parents: Vec<PathBuf>,
    /// Cgroup folders that did not exist before: `stop --open` removes them.
    #[serde(default)]
    pub(crate) made: Vec<PathBuf>,
    /// Since when the key in the kernel signs.
    #[serde(default)]
    pub(crate) key_since: Option<Timestamp>,
    /// Docker's subnets as last described.
    #[serde(default)]
    pub(crate) subnets: Vec<ipnet::IpNet>,
}

/// What the user asked for, and what the first start decided for him.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Choices {
    /// `cofferdam off` is in force.
    #[serde(default)]
    pub(crate) off: bool,
    /// Containers that existed before Cofferdam: observed until the user says otherwise. `None`: not decided yet.
    #[serde(default)]
    pub(crate) adopted: Option<BTreeSet<ContainerId>>,
    /// `enforce NAME`, `observe NAME`, by workload key.
    #[serde(default)]
    pub(crate) modes: BTreeMap<String, Mode>,
    /// `protect NAME`, by name, with the labels given.
    #[serde(default)]
    pub(crate) protected: BTreeMap<String, Labels>,
    /// `enforce --for`: what comes back, and when.
    #[serde(default)]
    pub(crate) rollback: Option<Rollback>,
}

/// What `enforce --for` goes back to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rollback {
    /// When.
    pub(crate) at: Timestamp,
    /// The choice of each workload before; `None` had no choice of its own.
    pub(crate) modes: BTreeMap<String, Option<Mode>>,
}

/// A workload that `cofferdam run` made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Its name.
    pub(crate) name: String,
    /// Its policy namespace.
    pub(crate) namespace: String,
    /// Its labels; all of them say who it is.
    pub(crate) labels: Labels,
    /// Its cgroup, absolute.
    pub(crate) cgroup: PathBuf,
    /// Its first process.
    pub(crate) pid: u32,
    /// Whether that process shares the host's network namespace.
    pub(crate) host_network: bool,
}

/// What became of the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Loaded {
    /// It was there.
    Known,
    /// There was none: the first start on this host.
    Fresh,
    /// It was broken and lies aside now.
    SetAside {
        /// Where it lies.
        path: PathBuf,
        /// What was wrong with it.
        why: String,
    },
}

// === impl State ===

impl State {
    /// Reads the state of a folder, which must exist.
    pub(crate) fn load(folder: &Path) -> Result<(Self, Loaded), Error> {
        let path = folder.join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok((Self::default(), Loaded::Fresh));
            }
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        // The schema first, alone: a newer file need not have today's shape.
        #[derive(Deserialize)]
        struct Header {
            schema: u32,
        }
        let why = match serde_json::from_slice::<Header>(&bytes) {
            Ok(Header { schema }) if schema > SCHEMA => {
                return Err(Error::State(format!(
                    "{} has schema {schema}; this cofferdam knows schema {SCHEMA} and older",
                    path.display()
                )));
            }
            Ok(_) => match serde_json::from_slice(&bytes) {
                Ok(state) => return Ok((state, Loaded::Known)),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        let aside = folder.join(format!("{FILE}.broken-{}", Timestamp::now().as_second()));
        fs::rename(&path, &aside).map_err(Error::io("set aside", &path))?;
        Ok((Self::default(), Loaded::SetAside { path: aside, why }))
    }

    /// The file that it makes.
    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>, Error> {
        self.schema = SCHEMA;
        serde_json::to_vec(self)
            .map_err(|error| Error::State(format!("the state cannot be written: {error}")))
    }
}

fn write(folder: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace(folder, FILE, bytes).map_err(Error::io("write", &folder.join(FILE)))
}

/// Replaces a file as a whole: a crash leaves the old one or the new one.
pub(crate) fn replace(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let beside = folder.join(format!(".{name}.new"));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, folder.join(name))?;
    // The rename is durable only once the folder is.
    File::open(folder)?.sync_all()
}
