//! The policy's rows: in before the cgroups move, out after; rows of what no policy knows stay.

use std::collections::BTreeSet;

use cofferdam_policy::{CompileError, Compiled, Plan, RuleText, Step, check_swap, plan};

use super::Enforcer;
use super::ends::{Change, changes_in_place};
use crate::error::chain;

/// A policy that fits into the kernel beside the one that is there.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    /// The policy, with the texts of its rules.
    compiled: Compiled,
    /// The steps to it.
    plan: Plan,
}

// === impl Enforcer ===

impl Enforcer {
    /// Plans the way to a policy, and refuses what there is no room for.
    pub(crate) fn prepare(&self, compiled: Compiled) -> Result<Prepared, CompileError> {
        let plan = plan(&self.applied, &compiled);
        check_swap(&self.applied, &compiled, &plan)?;
        Ok(Prepared { compiled, plan })
    }

    /// Puts a new policy beside the old one; returns it with the steps that take the old one out. `None`: it was not
    /// taken.
    pub(super) fn install(
        &mut self,
        Prepared { compiled: new, plan }: Prepared,
        trouble: &mut Vec<String>,
    ) -> Option<(Compiled, Vec<Step>)> {
        self.unverified |= !plan.install.is_empty() || !plan.retire.is_empty();
        if changes_in_place(&self.applied, &new) {
            self.stricter = Change::All;
        }
        if let Err(error) = self.datapath.apply(&plan.install) {
            trouble.push(format!(
                "the new policy was not taken, the old one stays: {}",
                chain(&error)
            ));
            self.read_back(self.applied.rules.clone());
            return None;
        }
        Some((new, plan.retire))
    }

    /// Takes out what the new policy no longer needs, but for the rows of `kept` subjects and all that those may ask.
    pub(super) fn retire(
        &mut self,
        new: Compiled,
        mut steps: Vec<Step>,
        kept: &BTreeSet<u32>,
        succession: bool,
        trouble: &mut Vec<String>,
    ) {
        if !kept.is_empty() {
            let live: BTreeSet<u32> = new
                .rows
                .keys()
                .map(|key| key.subject)
                .chain(kept.iter().copied())
                .collect();
            steps.retain(|step| match step {
                Step::DropRow(key) => !live.contains(&key.subject),
                step => matches!(step, Step::DropKept(_)),
            });
        }
        if !steps.is_empty() || succession {
            self.retire_later(steps);
        }
        if kept.is_empty() {
            self.applied = new;
        } else {
            trouble.extend(self.finish());
            self.read_back(new.rules);
        }
    }

    /// What the kernel holds, with the texts that no map holds.
    fn read_back(&mut self, rules: Vec<RuleText>) {
        if let Ok(held) = self.datapath.compiled() {
            self.applied = held;
        }
        self.applied.rules = rules;
    }
}

/// What the kernel holds with the texts of its rules. Where the texts were lost, their numbers are not given again.
pub(super) fn with_texts(held: Compiled, mut rules: Vec<RuleText>) -> Compiled {
    let rows = held.rows.values().map(|row| row.verdict.rule);
    let most = rows.chain(held.ports.values().map(|port| port.rule)).max();
    let needed = most.map_or(0, |most| most as usize + 1);
    while rules.len() < needed {
        rules.push(RuleText {
            name: "unknown".to_owned(),
            source: format!("rule {} of an earlier daemon, whose state was lost", rules.len()),
        });
    }
    Compiled { rules, ..held }
}
