use std::collections::BTreeMap;

use cofferdam_datapath::stats::ProgramTime;

use super::{Cost, Link, attached};
use crate::plan::Setting;

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
    let cost = Cost::between(Setting::Protected, &before, &after, 10);
    assert_eq!(cost.hooks.len(), 1, "{cost:?}");
    assert_eq!(
        (cost.hooks[0].runs, cost.hooks[0].ns, cost.total_ns),
        (2.0, 300.0, 600.0)
    );
}

#[test]
fn a_program_that_did_not_run_is_left_out() {
    let same = programs(&[(10, 20, 6000)]);
    assert!(
        Cost::between(Setting::Protected, &same, &same, 10)
            .hooks
            .is_empty()
    );
}
