//! The policy core: labels become identities, documents become verdicts.
//!
//! PURE: no I/O, no runtime, no BPF. [`decide`] is the reference verdict; [`compile`] turns the same world into
//! the numbers that the kernel looks up ([`Compiled`]), and [`plan()`] into the ordered steps that get it there.
//! The kernel's half of the contract is `crates/datapath/bpf/abi.h`.

pub mod cases;
pub mod containment;
pub mod documents;
pub mod labels;
pub mod openings;
#[cfg(feature = "scenario")]
pub mod scenario;
pub mod trial;

mod classes;
mod clauses;
mod compile;
mod decide;
mod explain;
mod items;
mod lookup;
mod plan;
mod postures;
mod rules;
mod suggest;
mod types;
mod yaml;

pub use classes::{base_prefixes, class};
pub use compile::{
    CompileError, Compiler, KEPT, PORTS, PREFIXES, ROWS, check_swap, compile, compile_with, selecting,
};
pub use decide::{Judge, decide, decide_with};
pub use documents::{Diagnostic, Document};
pub use explain::{EndExplanation, Explanation, RuleExplanation, explain};
pub use items::ValueError;
pub use lookup::Question;
pub use plan::plan;
pub use postures::{POSTURES, default_profile_text};
pub use suggest::{Adviser, Remedy, Suggestion, suggest, suggestions, whole_label};
pub use types::*;
pub use yaml::{is_printable, scalar};
