//! `[policy]`: where policies lie, and what a change of them does.

use std::path::PathBuf;

use serde::Deserialize;

/// `[policy]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Policy {
    /// The folder of policy documents; it need not exist.
    pub folder: PathBuf,
    /// What becomes of an established flow that is denied now.
    pub established: Established,
}

/// What becomes of an established flow that is denied now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Established {
    /// It is ended within a second.
    #[default]
    End,
    /// A TCP connection goes on until one of its ends closes it.
    Keep,
}

// === impl Policy ===

impl Policy {
    /// Where policies lie unless the configuration says otherwise.
    pub const FOLDER: &'static str = "/etc/cofferdam/policies";
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            folder: PathBuf::from(Self::FOLDER),
            established: Established::default(),
        }
    }
}
