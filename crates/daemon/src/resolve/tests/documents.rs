//! Whom documents protect, and when a workload gets another policy by them.

use cofferdam_policy::{DefaultProfile, NamedPort, Protocol};

use super::{Bench, container};

fn documents(bench: &mut Bench, text: &str) {
    bench.documents = cofferdam_policy::documents::parse("p.yaml", text.as_bytes()).unwrap();
}

fn policy(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    )
}

#[test]
fn whom_a_policy_selects_is_protected_unless_it_only_watches() {
    let mut bench = Bench::with([
        container('a', "plain", &[("traefik.enable", "true")]),
        container('b', "refuses", &[("cofferdam.protect", "false")]),
        container('c', "web", &[("app", "web")]),
    ]);
    documents(&mut bench, &policy("all", "{podSelector: {}, observe: true}"));
    assert_eq!(bench.one("plain").protected_by, None);
    documents(&mut bench, &policy("all", "{podSelector: {}}"));
    let plain = bench.one("plain");
    assert_eq!(plain.protected_by.as_deref(), Some("policy default/all"));
    assert!(!plain.openings.is_empty() && plain.notes.is_empty(), "{plain:?}");
    assert_eq!(bench.one("refuses").protected_by, None);
    let web = bench.one("web");
    assert_eq!(web.protected_by.as_deref(), Some("labels app=web"));
    assert_eq!(web.selected_by[0].full_name(), "default/all");
    assert_eq!(web.selected_by.len(), 1);
    documents(&mut bench, "");
    let plain = bench.one("plain");
    assert!(plain.protected_by.is_none() && plain.openings.is_empty());
    assert!(plain.notes[0].contains("`cofferdam protect plain`"));
}

#[test]
fn only_whose_policy_changes_gets_another_number() {
    let mut bench = Bench::with([
        container('a', "web", &[("app", "web")]),
        container('b', "db", &[("app", "db")]),
    ]);
    let subjects = |bench: &mut Bench| ["web", "db"].map(|name| bench.one(name).entry.subject);
    let select = |app: &str, more: &str| {
        policy(
            app,
            &format!("{{podSelector: {{matchLabels: {{app: {app}}}}}{more}}}"),
        )
    };
    let before = subjects(&mut bench);
    documents(&mut bench, &select("web", ""));
    let isolated = subjects(&mut bench);
    assert!(isolated[0] != before[0] && isolated[1] == before[1]);
    // It stands elsewhere and ends some day, but says the same.
    documents(
        &mut bench,
        &format!("# moved\n\n{}", select("web", ", until: 2099-01-01")),
    );
    assert_eq!(subjects(&mut bench), isolated);
    documents(&mut bench, &select("web", ", egress: [{}]"));
    assert!(subjects(&mut bench)[0] != isolated[0]);
    documents(&mut bench, "");
    let after = subjects(&mut bench);
    assert!(
        after[0] > isolated[0] && after[1] == before[1],
        "numbers are never given again"
    );
}

#[test]
fn a_posture_and_named_ports_of_its_own() {
    let mut bench = Bench::with([
        container('a', "one", &[("app", "web"), ("cofferdam.port.http", "80")]),
        container('b', "two", &[("app", "web"), ("cofferdam.port.http", "8080")]),
        container('c', "three", &[("app", "web"), ("cofferdam.profile", "strict")]),
        container('d', "wrong", &[("app", "web"), ("cofferdam.profile", "stirct")]),
    ]);
    let all = ["one", "two", "three", "wrong"].map(|name| bench.one(name));
    assert_ne!(all[0].entry.identity, all[1].entry.identity);
    let http = NamedPort {
        name: "http".to_owned(),
        protocol: Protocol::TCP,
        port: 80,
    };
    assert_eq!(all[0].identity.as_ref().unwrap().named_ports, [http]);
    assert_eq!(all[2].entry.identity, all[3].entry.identity);
    assert_ne!(all[2].entry.subject, all[3].entry.subject);
    assert_eq!(all[2].profile, Some(DefaultProfile::Strict));
    assert!(
        all[3].warnings[0].contains("there is no such posture; it has no effect"),
        "{:?}",
        all[3].warnings
    );
    let world = bench.resolve().world;
    assert!(
        world
            .subjects
            .iter()
            .any(|one| one.profile == Some(DefaultProfile::Strict))
    );
}
