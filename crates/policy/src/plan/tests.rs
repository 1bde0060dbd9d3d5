use super::*;
use crate::{Direction, Identity, Labels, Subject, World, compile, compile_with};

/// A world of one workload with these egress openings.
fn world(number: u32, egress: &str) -> World {
    let labels: Labels = [("app".to_owned(), "a".to_owned())].into();
    let namespace = "default".to_owned();
    let openings = crate::openings::parse(Direction::Egress, egress).unwrap();
    World {
        identities: vec![Identity {
            number: Peer(256),
            namespace,
            identity_labels: labels.clone().into(),
            labels: labels.into(),
            named_ports: Vec::new(),
        }],
        subjects: vec![Subject {
            number,
            identity: Peer(256),
            openings,
            profile: None,
        }],
        ..World::default()
    }
}

fn kinds(steps: &[Step]) -> Vec<&'static str> {
    let mut kinds: Vec<_> = steps
        .iter()
        .map(|step| match step {
            Step::SetPort(..) => "set-port",
            Step::SetRow(..) => "set-row",
            Step::SetPrefix(..) => "set-prefix",
            Step::DropPrefix(..) => "drop-prefix",
            Step::DropRow(..) => "drop-row",
            Step::DropPort(..) => "drop-port",
            Step::SetKept(..) => "set-kept",
            Step::DropKept(..) => "drop-kept",
        })
        .collect();
    kinds.dedup();
    kinds
}

#[test]
fn nothing_changes_where_nothing_changed() {
    let compiled = compile(&world(1, "10.0.0.0/8:443")).unwrap();
    assert_eq!(plan(&compiled, &compiled), Plan::default());
}

#[test]
fn what_is_pointed_to_comes_first_and_goes_last() {
    let mut new = compile(&world(1, "10.0.0.0/8:443, lan:80")).unwrap();
    new.kept.insert(1);
    let up = plan(&Compiled::default(), &new);
    assert_eq!(
        kinds(&up.install),
        ["set-kept", "set-port", "set-row", "set-prefix"]
    );
    assert_eq!(up.retire, []);
    let down = plan(&new, &Compiled::default());
    assert_eq!(down.install, []);
    assert_eq!(
        kinds(&down.retire),
        ["drop-prefix", "drop-row", "drop-port", "drop-kept"]
    );
}

#[test]
fn an_old_subject_keeps_its_opening_under_a_new_prefix_until_it_retires() {
    let old = compile(&world(1, "10.0.0.0/8:443")).unwrap();
    let new = compile_with(&world(2, "10.1.0.0/16:80"), &old.rules).unwrap();
    let plan = plan(&old, &new);
    let inner = new.classify("10.1.2.3".parse().unwrap()).peer;
    let outer = old.classify("10.1.2.3".parse().unwrap()).peer;
    let row = |subject, peer| RowKey {
        subject,
        peer,
        direction: Direction::Egress,
        plane: Plane::FIRST,
    };
    assert!(
        plan.install
            .contains(&Step::SetRow(row(1, inner), old.rows[&row(1, outer)]))
    );
    assert!(plan.retire.contains(&Step::DropRow(row(1, inner))));
}

#[test]
fn a_new_subject_has_its_opening_under_an_old_prefix_until_that_goes() {
    let old = compile(&world(1, "10.1.0.0/16:80")).unwrap();
    let new = compile_with(&world(2, "10.0.0.0/8:443"), &old.rules).unwrap();
    let plan = plan(&old, &new);
    let inner = old.classify("10.1.2.3".parse().unwrap()).peer;
    let outer = new.classify("10.1.2.3".parse().unwrap()).peer;
    let row = |subject, peer| RowKey {
        subject,
        peer,
        direction: Direction::Egress,
        plane: Plane::FIRST,
    };
    assert!(
        plan.install
            .contains(&Step::SetRow(row(2, inner), new.rows[&row(2, outer)]))
    );
    assert!(plan.retire.contains(&Step::DropRow(row(2, inner))));
}

#[test]
fn a_prefix_that_is_no_longer_named_keeps_its_number_until_the_flip() {
    let mut before = world(1, "10.1.0.0/16:80");
    before.prefixes = vec![("10.1.0.0/16".parse().unwrap(), crate::PeerClass::Lan)];
    let mut after = world(2, "");
    after.prefixes.clone_from(&before.prefixes);
    let old = compile(&before).unwrap();
    let new = compile_with(&after, &old.rules).unwrap();
    let plan = plan(&old, &new);
    let is_set = |step: &&Step| matches!(step, Step::SetPrefix(..));
    assert_eq!(plan.install.iter().filter(is_set).count(), 0);
    assert_eq!(plan.retire.iter().filter(is_set).count(), 1);
}
