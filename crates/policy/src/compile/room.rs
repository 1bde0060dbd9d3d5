//! What fits into the kernel's maps, and what to name when it does not. The numbers are those of `bpf/maps.h`.

use std::collections::HashMap;

use crate::Compiled;

use super::CompileError;

/// Entries of the map `rows`.
pub const ROWS: usize = 1 << 20;
/// Entries of the map `ports`.
pub const PORTS: usize = 1 << 18;
/// Entries of the map `prefixes`.
pub const PREFIXES: usize = 1 << 18;

/// Which rule needs how many rows.
#[derive(Default)]
pub(super) struct Shares(HashMap<u32, usize>);

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
        ];
        let Some((what, needed, room)) = sizes.into_iter().find(|(_, needed, room)| needed > room) else {
            return Ok(());
        };
        let most = self.0.iter().max_by_key(|(rule, share)| (**share, **rule));
        let (rule, share) = most.map_or((0, 0), |(rule, share)| (*rule, *share));
        let text = usize::try_from(rule)
            .ok()
            .and_then(|rule| compiled.rules.get(rule));
        Err(CompileError::NoRoom {
            what,
            needed,
            room,
            most: text.map_or_else(String::new, |text| format!("{} ({})", text.name, text.source)),
            share,
        })
    }
}
