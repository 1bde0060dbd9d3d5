use super::{Cost, Link, Program, attached};
use crate::plan::Setting;

const LINKS: &str = r#"[{"id":1,"type":"cgroup","prog_id":10,"cgroup_id":77,"attach_type":"cgroup_inet4_connect"},
    {"id":2,"type":"cgroup","prog_id":11,"cgroup_id":78,"attach_type":"cgroup_inet_egress"},
    {"id":3,"type":"raw_tracepoint","prog_id":12,"tp_name":"cgroup_mkdir"}]"#;

fn programs(text: &str) -> std::collections::BTreeMap<u32, Program> {
    let links: Vec<Link> = serde_json::from_str(LINKS).unwrap();
    attached(&[77], &links, serde_json::from_str(text).unwrap())
}

#[test]
fn only_programs_of_the_subtree_count_and_only_what_they_added() {
    let before = programs(r#"[{"id":10,"name":"connect4"},{"id":11,"name":"other"}]"#);
    let after = programs(
        r#"[{"id":10,"name":"connect4","run_time_ns":6000,"run_cnt":20},
            {"id":11,"name":"other","run_time_ns":9000,"run_cnt":9},{"id":12,"name":"mkdir"}]"#,
    );
    let cost = Cost::between(Setting::Protected, &before, &after, 10);
    assert_eq!(cost.hooks.len(), 1, "{cost:?}");
    assert_eq!(
        (cost.hooks[0].runs, cost.hooks[0].ns, cost.total_ns),
        (2.0, 300.0, 600.0)
    );
}

#[test]
fn a_program_that_did_not_run_is_left_out() {
    let same = programs(r#"[{"id":10,"name":"connect4","run_time_ns":6000,"run_cnt":20}]"#);
    let cost = Cost::between(Setting::Protected, &same, &same, 10);
    assert!(cost.hooks.is_empty());
}
