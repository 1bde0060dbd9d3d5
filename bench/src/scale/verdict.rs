//! The compiled decision in the kernel, by how many identities there are.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use cofferdam_datapath::Decider;
use cofferdam_policy::{
    Direction, Effect, Identity, Labels, Opening, OpeningPeer, Peer, PeerClass, PortRange, Protocol,
    Question, Subject, World, compile,
};
use serde::Serialize;

use crate::figures::Figure;

#[cfg(test)]
mod tests;

/// The time of a verdict in one world.
#[derive(Debug, Serialize)]
pub(crate) struct VerdictTime {
    /// Identities, each with a subject of its own and an opening to one of the others.
    pub(crate) identities: u32,
    /// Rows that the kernel holds for them.
    pub(crate) rows: usize,
    /// Nanoseconds of one verdict (question, lookups, answer) that was asked many times; over the workloads that were
    /// asked about.
    pub(crate) ns: Figure,
    /// The same of a verdict asked for the first time, with a reading of the clock in it.
    pub(crate) first_ns: Figure,
}

const WORLDS: [u32; 4] = [10, 100, 1_000, 10_000];
/// Workloads that are asked about in each world, spread over all.
const ASKED: u32 = 100;
/// Times that each question is repeated.
const TIMES: u32 = 2_000;
/// The first identity; lower numbers are classes.
const FIRST: u32 = cofferdam_policy::IDENTITY_MIN;
const PORT: u16 = 8080;

/// Fills the maps with one world after the other, and asks.
pub(super) fn measure() -> anyhow::Result<Vec<VerdictTime>> {
    let mut decider = Decider::open()?;
    WORLDS
        .into_iter()
        .map(|identities| time(&mut decider, identities))
        .collect()
}

fn time(decider: &mut Decider, identities: u32) -> anyhow::Result<VerdictTime> {
    let compiled = compile(&world(identities))?;
    decider.load(&compiled)?;
    let (mut first, mut often) = (Vec::new(), Vec::new());
    for number in (0..identities).step_by((identities / ASKED).max(1) as usize) {
        first.push(one(decider, identities, number, 1)?);
    }
    for number in (0..identities).step_by((identities / ASKED).max(1) as usize) {
        often.push(one(decider, identities, number, TIMES)?);
    }
    let figure = |times| Figure::of(times).context("nobody was asked about");
    Ok(VerdictTime {
        identities,
        rows: compiled.rows.len(),
        ns: figure(often)?,
        first_ns: figure(first)?,
    })
}

/// Nanoseconds of the verdict on the one workload that `number` is open to: the row is its own and no default's.
fn one(decider: &Decider, identities: u32, number: u32, times: u32) -> anyhow::Result<f64> {
    let asked = Question {
        subject: FIRST + number,
        direction: Direction::Ingress,
        peer: Peer(FIRST + (number + 1) % identities),
        class: PeerClass::Workload,
        region: None,
        protocol: Protocol::TCP,
        port: PORT,
    };
    let time = decider.time(&asked, times)?;
    if times > 1 {
        let answer = decider.decide(&asked)?;
        let allowed = answer
            .verdict
            .is_some_and(|verdict| verdict.effect == Effect::Allow);
        ensure!(
            allowed,
            "workload {number} of {identities} is not open: {answer:?}"
        );
    }
    Ok(time.as_secs_f64() * 1e9)
}

/// So many workloads with labels of their own; each lets in the next one.
fn world(identities: u32) -> World {
    let app = |number: u32| -> Labels { BTreeMap::from([("app".to_owned(), format!("w{number}"))]) };
    let identity = |number| Identity {
        number: Peer(FIRST + number),
        namespace: "default".to_owned(),
        identity_labels: app(number).into(),
        labels: app(number).into(),
        named_ports: Vec::new(),
    };
    let subject = |number| Subject {
        number: FIRST + number,
        identity: Peer(FIRST + number),
        openings: vec![Opening {
            direction: Direction::Ingress,
            peer: OpeningPeer::Labels(app((number + 1) % identities)),
            ports: Some(PortRange {
                protocol: Protocol::TCP,
                first: PORT,
                last: PORT,
            }),
            source: format!(
                "label cofferdam.ingress=app=w{}:{PORT}",
                (number + 1) % identities
            ),
        }],
        profile: None,
    };
    World {
        identities: (0..identities).map(identity).collect(),
        subjects: (0..identities).map(subject).collect(),
        ..World::default()
    }
}
