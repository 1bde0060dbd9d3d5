//! What fits into the kernel's maps, and what to name when it does not. The numbers are those of `bpf/maps.h`.

use rustc_hash::FxHashMap;

use crate::{Compiled, Plan, RuleText, Step};

use super::CompileError;

/// Entries of the map `rows`.
pub const ROWS: usize = 1 << 20;
/// Entries of the map `ports`.
pub const PORTS: usize = 1 << 18;
/// Entries of the map `prefixes`.
pub const PREFIXES: usize = 1 << 18;

/// Entries of the map `kept_rules`.
pub const KEPT: usize = 1 << 14;

/// Which rule needs how many rows.
#[derive(Default)]
pub(super) struct Shares(FxHashMap<u32, usize>);

// === impl Shares ===

impl Shares {
    pub(super) fn add(&mut self, rule: u32, rows: usize) {
        *self.0.entry(rule).or_default() += rows;
    }

    /// Refuses what is too big.
    pub(super) fn check(&self, compiled: &Compiled) -> Result<(), CompileError> {
        let sizes = [
            ("rows", compiled.rows.len(), ROWS),
            ("port blocks", compiled.ports.len(), PORTS),
            ("prefixes", compiled.prefixes.len(), PREFIXES),
            ("rules with `keep`", compiled.kept.len(), KEPT),
        ];
        let Some((what, needed, room)) = sizes.into_iter().find(|(_, needed, room)| needed > room) else {
            return Ok(());
        };
        let (most, share) = self.most(compiled);
        Err(CompileError::NoRoom {
            what,
            needed,
            room,
            most,
            share,
        })
    }

    fn most(&self, compiled: &Compiled) -> (RuleText, usize) {
        let most = self.0.iter().max_by_key(|(rule, share)| (**share, **rule));
        let (rule, share) = most.map_or((0, 0), |(rule, share)| (*rule, *share));
        let text = usize::try_from(rule)
            .ok()
            .and_then(|rule| compiled.rules.get(rule));
        let nobody = || RuleText {
            name: String::new(),
            source: String::new(),
        };
        (text.cloned().unwrap_or_else(nobody), share)
    }
}

/// Refuses a plan from `old` to `new` whose first half does not fit beside `old`. Only what is new counts: a change of one
/// policy needs its own rows twice, not everybody's.
///
/// # Errors
/// [`CompileError::NoRoomBeside`] names the map, and the rule that needs most of it.
pub fn check_swap(old: &Compiled, new: &Compiled, plan: &Plan) -> Result<(), CompileError> {
    let mut counts = [0; 4];
    let mut shares = Shares::default();
    for step in &plan.install {
        let rule = match step {
            Step::SetRow(key, row) if !old.rows.contains_key(key) => {
                counts[0] += 1;
                row.verdict.rule
            }
            Step::SetPort(key, port) if !old.ports.contains_key(key) => {
                counts[1] += 1;
                port.rule
            }
            Step::SetPrefix(net, _) if !old.prefixes.contains_key(net) => {
                counts[2] += 1;
                continue;
            }
            Step::SetKept(rule) if !old.kept.contains(rule) => {
                counts[3] += 1;
                *rule
            }
            _ => continue,
        };
        shares.add(rule, 1);
    }
    let maps = [
        ("rows", old.rows.len(), ROWS),
        ("port blocks", old.ports.len(), PORTS),
        ("prefixes", old.prefixes.len(), PREFIXES),
        ("rules with `keep`", old.kept.len(), KEPT),
    ];
    let full = maps
        .into_iter()
        .zip(counts)
        .find(|((_, held, room), count)| held + count > *room);
    let Some(((what, held, room), count)) = full else {
        return Ok(());
    };
    let (most, share) = shares.most(new);
    Err(CompileError::NoRoomBeside {
        what,
        held,
        new: count,
        room,
        most,
        share,
    })
}
