use std::collections::BTreeMap;

use cofferdam_datapath::stats::ProgramTime;

use super::{Batch, Cost, Hook, Link, attached};
use crate::plan::{Part, Setting};

const LINKS: &str = r#"[{"id":1,"type":"cgroup","prog_id":10,"cgroup_id":77,"attach_type":"cgroup_inet4_connect"},
    {"id":2,"type":"cgroup","prog_id":11,"cgroup_id":78,"attach_type":"cgroup_inet_egress"},
    {"id":3,"type":"raw_tracepoint","prog_id":12,"tp_name":"cgroup_mkdir"}]"#;

/// (id, runs, nanoseconds) each.
fn programs(of: &[(u32, u64, u64)]) -> BTreeMap<u32, ProgramTime> {
    let links: Vec<Link> = serde_json::from_str(LINKS).unwrap();
    let program = |(id, runs, nanoseconds): &_| ProgramTime {
        id: *id,
        name: "p".into(),
        runs: *runs,
        nanoseconds: *nanoseconds,
    };
    attached(&[77], &links, of.iter().map(program).collect())
}

#[test]
fn only_programs_of_the_subtree_count_and_only_what_they_added() {
    let before = programs(&[(10, 5, 1000), (11, 0, 0)]);
    let after = programs(&[(10, 25, 7000), (11, 9, 9000), (12, 1, 50)]);
    let batch = Batch::between(&before, &after, 10);
    assert_eq!(batch.hooks.len(), 1, "{batch:?}");
    assert_eq!(
        (batch.hooks[0].runs, batch.hooks[0].ns, batch.total_ns),
        (2.0, 300.0, 600.0)
    );
}

#[test]
fn a_program_that_did_not_run_is_left_out() {
    let same = programs(&[(10, 20, 6000)]);
    assert!(Batch::between(&same, &same, 10).hooks.is_empty());
}

/// One batch with one program that ran `runs` times a connection for `ns` each.
fn batch(runs: f64, ns: f64) -> Batch {
    let hook = Hook {
        program: "p".into(),
        runs,
        ns,
    };
    Batch {
        total_ns: runs * ns,
        hooks: vec![hook],
    }
}

#[test]
fn the_floor_is_taken_off_batch_by_batch() {
    // The machine was twice as slow during the second batch.
    let empty = [batch(2.0, 100.0), batch(2.0, 200.0), batch(2.0, 100.0)];
    let own = [batch(2.0, 400.0), batch(2.0, 800.0), batch(2.0, 400.0)];
    let cost = Cost::of(Part::Veth, Setting::Protected, &own, &empty);
    let above = cost.above_empty_ns.unwrap();
    assert_eq!((cost.total_ns, above.median, above.max), (800.0, 600.0, 1200.0));
    assert!((cost.hooks[0].runs - 2.0).abs() < 1e-9, "{cost:?}");
    assert!((cost.hooks[0].ns - 1600.0 / 3.0).abs() < 1e-9, "{cost:?}");
}
