//! The policy core: labels become identities, documents become verdicts.
//!
//! PURE: no I/O, no runtime, no BPF. [`decide`] is the reference verdict; [`compile`] turns the same world into
//! the numbers that the kernel looks up ([`Compiled`]), and [`plan`] into the ordered steps that get it there.
//! The kernel's half of the contract is `crates/datapath/bpf/abi.h`.

mod types;

pub use types::*;
