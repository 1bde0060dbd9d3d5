//! The built-in documents: what a protected workload may do where no policy of the user decides.
//!
//! A [`Posture`] that exists is total: in each direction some rule without a condition answers for every peer. So no
//! verdict ever falls out of the end of the rules into code.

use std::sync::{Arc, OnceLock};

use crate::documents::{Document, RulePeer, parse};
use crate::{DefaultProfile, Direction, PeerClass};

#[cfg(test)]
mod tests;

/// The source of rules that the user did not write.
pub(crate) const BUILT_IN: &str = "built-in";

/// All built-in documents.
pub const POSTURES: [DefaultProfile; 6] = [
    DefaultProfile::SameLabels,
    DefaultProfile::Strict,
    DefaultProfile::Allow,
    DefaultProfile::Networks,
    DefaultProfile::LanService,
    DefaultProfile::Agent,
];

// === impl DefaultProfile ===

impl DefaultProfile {
    /// The word for it in `--default`, in the label `cofferdam.profile` and in `cofferdam policy show`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SameLabels => "same-labels",
            Self::Strict => "strict",
            Self::Allow => "allow",
            Self::Networks => "networks",
            Self::LanService => "lan-service",
            Self::Agent => "agent",
        }
    }

    /// The posture of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        POSTURES.into_iter().find(|posture| posture.name() == name)
    }
}

/// The document behind a posture, as `cofferdam policy show default` prints it.
#[must_use]
pub fn default_profile_text(profile: DefaultProfile) -> &'static str {
    match profile {
        DefaultProfile::SameLabels => include_str!("profiles/same-labels.yaml"),
        DefaultProfile::Strict => include_str!("profiles/strict.yaml"),
        DefaultProfile::Allow => include_str!("profiles/allow.yaml"),
        DefaultProfile::Networks => include_str!("profiles/networks.yaml"),
        DefaultProfile::LanService => include_str!("profiles/lan-service.yaml"),
        DefaultProfile::Agent => include_str!("profiles/agent.yaml"),
    }
}

/// The parsed built-in document. `None` cannot happen in a build that passed its tests; callers fail closed on it.
pub(crate) fn default_profile(profile: DefaultProfile) -> Option<&'static Document> {
    static PARSED: [OnceLock<Option<Document>>; POSTURES.len()] = [const { OnceLock::new() }; POSTURES.len()];
    let slot = POSTURES.iter().position(|posture| *posture == profile)?;
    PARSED
        .get(slot)?
        .get_or_init(|| built_in(default_profile_text(profile)))
        .as_ref()
}

/// Parses a built-in document; its rules have no file.
fn built_in(text: &str) -> Option<Document> {
    let document = parse(BUILT_IN, text.as_bytes()).ok()?.pop()?;
    let mut document = Arc::unwrap_or_clone(document);
    BUILT_IN.clone_into(&mut document.place);
    let rules = [&mut document.ingress, &mut document.egress]
        .into_iter()
        .flatten()
        .flatten();
    rules.for_each(|rule| BUILT_IN.clone_into(&mut rule.text.source));
    is_total(&document).then_some(document)
}

/// `sameLabels` and its kin depend on the subject, so they never make a direction total.
fn is_total(document: &Document) -> bool {
    const NEEDED: [RulePeer; 6] = [
        RulePeer::Workloads,
        RulePeer::Class(PeerClass::Host),
        RulePeer::Class(PeerClass::Lan),
        RulePeer::Class(PeerClass::Metadata),
        RulePeer::Class(PeerClass::Multicast),
        RulePeer::Class(PeerClass::World),
    ];
    [Direction::Ingress, Direction::Egress]
        .into_iter()
        .all(|direction| {
            let rules = document.rules(direction).unwrap_or_default();
            let decided = |peer: &RulePeer| {
                rules
                    .iter()
                    .any(|rule| rule.ports.is_empty() && rule.peers.contains(peer))
            };
            NEEDED.iter().all(decided)
        })
}
