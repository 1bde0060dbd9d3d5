//! When a look is due; what it finds is tested in the data plane.

use std::path::Path;

use cofferdam_policy::{Compiled, Direction, Effect, Peer, Plane, PortValue, RowKey, RowValue};

use super::{Change, changes_in_place};

fn policy(rows: &[(u32, u32, Effect, u32)]) -> Compiled {
    let mut compiled = Compiled::default();
    for (subject, peer, effect, rule) in rows {
        let key = RowKey {
            subject: *subject,
            peer: Peer(*peer),
            direction: Direction::Ingress,
            plane: Plane::FIRST,
        };
        let verdict = PortValue {
            effect: *effect,
            observe: false,
            rule: *rule,
            priority: 0,
        };
        compiled.rows.insert(
            key,
            RowValue {
                verdict,
                table: 0,
                sizes: 0,
            },
        );
    }
    compiled
}

#[test]
fn only_a_subject_that_stays_is_looked_at() {
    use Effect::{Allow, Deny};
    let old = policy(&[(1, 300, Allow, 1)]);
    let same = [
        ("nothing", policy(&[(1, 300, Allow, 1)])),
        ("another number of the rule", policy(&[(1, 300, Allow, 2)])),
        (
            "one more subject",
            policy(&[(1, 300, Allow, 1), (2, 300, Deny, 1)]),
        ),
        ("one more peer", policy(&[(1, 300, Allow, 1), (1, 301, Deny, 1)])),
        ("another subject in its place", policy(&[(2, 300, Deny, 1)])),
    ];
    for (what, new) in same {
        assert!(!changes_in_place(&old, &new), "{what}");
    }
    let stricter = [
        ("denied", policy(&[(1, 300, Deny, 1)])),
        ("a peer that went", policy(&[(1, 301, Allow, 1)])),
    ];
    for (what, new) in stricter {
        assert!(changes_in_place(&old, &new), "{what}");
    }
}

#[test]
fn changes_add_up() {
    let (one, two) = (Path::new("/one"), Path::new("/two"));
    let mut change = Change::default();
    assert!(!change.touches(one));
    change.add(one);
    assert!(change.touches(one) && !change.touches(two));
    let mut more = Change::None;
    more.add(two);
    change.join(more);
    assert!(change.touches(one) && change.touches(two));
    change.join(Change::All);
    change.add(one);
    assert_eq!(change, Change::All);
}
