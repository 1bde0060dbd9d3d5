use super::*;

#[test]
fn the_three_postures_parse_and_are_total() {
    for profile in [
        DefaultProfile::SameLabels,
        DefaultProfile::Strict,
        DefaultProfile::Allow,
    ] {
        let parsed = parse(default_profile_text(profile));
        assert!(parsed.is_ok(), "{profile:?}: {parsed:?}");
        assert!(default_profile(profile).is_some());
    }
}

fn refused(from: &str, to: &str) -> DocumentError {
    let text = default_profile_text(DefaultProfile::SameLabels);
    assert!(text.contains(from), "{from}");
    parse(&text.replace(from, to)).unwrap_err()
}

#[test]
fn a_syntax_error_has_its_line() {
    let error = refused("spec:\n", "spec: [\n");
    assert!(error.to_string().contains("line"), "{error}");
}

#[test]
fn an_unknown_field_is_named() {
    let error = refused("- multicast: {}", "- multicats: {}");
    assert!(error.to_string().contains("multicats"), "{error}");
}

#[test]
fn other_kinds_tiers_and_actions_are_refused() {
    for (from, to, field) in [
        ("kind: ClusterNetworkPolicy", "kind: NetworkPolicy", "kind"),
        ("v1alpha2", "v1", "apiVersion"),
        ("Baseline", "Admin", "spec.tier"),
        (
            "action: Deny",
            "action: Drop",
            "action of rule default/other-workloads",
        ),
        ("to:", "from:", "peers of rule default/same-labels"),
    ] {
        let error = refused(from, to);
        assert!(error.to_string().starts_with(field), "{error}");
        assert!(error.hint().starts_with("write "), "{}", error.hint());
    }
}

#[test]
fn a_peer_names_one_thing() {
    let error = refused("- lan: {}", "- lan: {}\n          world: {}");
    assert!(
        matches!(error, DocumentError::PeerCount { count: 2, .. }),
        "{error}"
    );
    let error = refused("- lan: {}", "- {}");
    assert!(
        matches!(error, DocumentError::PeerCount { count: 0, .. }),
        "{error}"
    );
}

#[test]
fn a_peer_that_no_rule_decides_about_is_refused() {
    let error = refused("        - metadata: {}\n", "");
    assert_eq!(
        error.to_string(),
        "ingress of default: no rule decides about metadata on every port"
    );
}
