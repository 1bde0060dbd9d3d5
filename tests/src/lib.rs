//! Lab hosts on one machine, and the walkthrough that runs in them.
//!
//! The tests in `tests/` and `cargo xtask demo` share this. It drives the product from outside, through its binary, so
//! it depends on none of its crates. Errors are `anyhow`: nobody matches on why a lab could not be made.

pub mod attack;
pub mod binaries;
pub mod compatibility;
pub mod first_act;
pub mod image;
pub mod lab;
pub mod machine;
pub mod modes;
pub mod pound;
pub mod probe;
pub mod recipes;
pub mod same_calls;
pub mod screen;
pub mod soak;
pub mod stacks;
pub mod walkthrough;
