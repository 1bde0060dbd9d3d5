//! What is exposed, to whom, and what to change: bytes in, findings out. Pure: no file, no socket, no clock; whoever
//! calls hands in the bytes of compose files, of `docker inspect`, of `daemon.json`, and the facts of a host.
//! `rules` judges; `model` is what it judges; the other modules read.

mod check;
pub mod command;
pub mod compose;
pub mod decision;
pub mod engine;
mod finding;
pub mod host;
pub mod inspect;
mod known;
pub mod matrix;
pub mod model;
mod position;
pub mod report;
mod rule;
mod rules;
pub mod yaml;

pub use check::check;
pub use finding::{Confidence, Finding, Severity, Suppression};
pub use known::{Known, kind_of_image, known_port, plain_protocol};
pub use position::{Located, Note, Position};
pub use rule::{Needs, Reference, Rule};
pub use rules::{all as rules, find as find_rule};
