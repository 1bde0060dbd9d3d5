//! The tables of what depends on the number of workloads.

use super::line;
use crate::figures::Figure;
use crate::plan::Part;
use crate::scale::{Apply, Scale};

pub(super) fn tables(scale: &Scale, text: &mut String) {
    line(text, &format!("=== {} ===", Part::Scale.title()));
    line(
        text,
        &format!(
            "{:>10}{:>14}{:>14}{:>16}{:>12}",
            "workloads", "ready, ms", "adopted, ms", "resident, MiB", "maps, MiB"
        ),
    );
    for row in &scale.workloads {
        line(
            text,
            &format!(
                "{:>10}{:>14.0}{:>14.0}{:>16.1}{:>12.1}",
                row.count, row.ready_ms, row.adopted_ms, row.memory_mib, row.maps_mib
            ),
        );
    }
    if let Some((daemon, maps)) = scale.kib_a_workload() {
        line(
            text,
            &format!("one workload more: {daemon:.1} KiB of the daemon, {maps:.1} KiB of maps"),
        );
    }
    line(text, "");
    line(
        text,
        "one verdict of the compiled decision, median ns smallest..largest workload",
    );
    line(
        text,
        &format!(
            "{:>10}{:>10}  {:<20}{}",
            "identities", "rows", "asked before", "asked first"
        ),
    );
    for row in &scale.verdicts {
        let ns = |f: Figure| format!("{:.0} {:.0}..{:.0}", f.median, f.min, f.max);
        let (often, first) = (ns(row.ns), ns(row.first_ns));
        line(
            text,
            &format!("{:>10}{:>10}  {often:<20}{first}", row.identities, row.rows),
        );
    }
    policy_tables(scale, text);
    change_tables(scale, text);
    line(text, "");
}

fn change_tables(scale: &Scale, text: &mut String) {
    let effects = &scale.effects;
    line(text, "");
    line(
        text,
        &format!(
            "from a change to its verdict, {} workloads and {} policies, ms",
            effects.workloads, effects.policies
        ),
    );
    line(
        text,
        &format!(
            "{:<28}{:>8}{:>10}{:>10}{:>10}",
            "", "changes", "median", "p99", "most"
        ),
    );
    for effect in &effects.effects {
        let title = effect.change.title().to_owned() + if effect.loaded { ", busy host" } else { "" };
        let times = effect.times;
        line(
            text,
            &format!(
                "{title:<28}{:>8}{:>10.1}{:>10.1}{:>10.1}",
                times.count, times.median, times.p99, times.most
            ),
        );
    }
    line(
        text,
        &format!(
            "the daemon after all of it: {:.1} MiB resident",
            effects.memory_mib
        ),
    );
    for row in &scale.applies {
        apply_table(row, text);
    }
}

fn apply_table(row: &Apply, text: &mut String) {
    let (workloads, policies) = (row.workloads, row.policies);
    line(text, "");
    line(
        text,
        &format!(
            "{workloads} workloads, {policies} policies, {} rows, ms",
            row.rows
        ),
    );
    for (title, value) in [
        ("into the kernel and read back, from nothing", row.first_ms),
        ("the same to others, the old ones out", row.other_ms),
        ("a daemon: exec to ready, no policy yet", row.ready_ms),
        ("policy apply: all of them", row.all_ms),
        ("policy apply: all of them changed", row.changed_ms),
        ("policy apply: one of them changed", row.one_ms),
    ] {
        line(text, &format!("  {title:<46}{value:>10.0}"));
    }
    line(
        text,
        &format!(
            "  the daemon then: {:.1} MiB resident, {:.1} MiB of maps",
            row.memory_mib, row.maps_mib
        ),
    );
}

fn policy_tables(scale: &Scale, text: &mut String) {
    line(text, "");
    line(text, "one verdict of the compiled decision, ns, by rules");
    for row in &scale.rules {
        line(text, &format!("{:>10}{:>10.0}", row.rules, row.ns));
    }
    line(text, "");
    line(
        text,
        &format!(
            "{:>10}{:>9}{:>10}{:>12}{:>10}{:>7}{:>10}{:>11}",
            "workloads", "policies", "rows", "compile, ms", "again, ms", "made", "plan, ms", "MiB"
        ),
    );
    for row in &scale.compilations {
        line(
            text,
            &format!(
                "{:>10}{:>9}{:>10}{:>12.0}{:>10.0}{:>7}{:>10.0}{:>11.0}",
                row.workloads,
                row.policies,
                row.rows,
                row.compile_ms,
                row.again_ms,
                row.made,
                row.plan_ms,
                row.memory_mib
            ),
        );
    }
}
