//! `[policy]`: what a change of the policy does.

use serde::Deserialize;

/// `[policy]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Policy {
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
