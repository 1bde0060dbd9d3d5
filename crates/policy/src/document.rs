//! The default profile: a ClusterNetworkPolicy document in three postures, and its parser.

use crate::DefaultProfile;

/// The document behind a posture, as `cofferdam policy show default` prints it.
#[must_use]
pub fn default_profile_text(profile: DefaultProfile) -> &'static str {
    match profile {
        DefaultProfile::SameLabels => "",
        DefaultProfile::Strict => "",
        DefaultProfile::Allow => "",
    }
}
