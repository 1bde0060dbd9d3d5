use super::*;

#[test]
fn every_posture_parses_and_is_total() {
    for profile in POSTURES {
        assert!(default_profile(profile).is_some(), "{profile:?}");
        assert_eq!(DefaultProfile::named(profile.name()), Some(profile));
    }
    assert_eq!(DefaultProfile::named("nothing"), None);
}

#[test]
fn one_that_leaves_a_peer_out_is_not_used() {
    let text = default_profile_text(DefaultProfile::SameLabels);
    assert!(built_in(&text.replace("        - metadata: {}\n", "")).is_none());
}
