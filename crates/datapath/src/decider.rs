//! The compiled decision in the kernel, without hooks: the second engine of the scenario table.

use std::mem::MaybeUninit;
use std::time::Duration;

use cofferdam_policy::{Compiled, PortValue, Question, Reason, Step};
use libbpf_rs::ProgramInput;
use libbpf_rs::skel::{OpenSkel, SkelBuilder};

use crate::abi::{self, bytes, read, types};
use crate::rows::PolicyMaps;
use crate::skel::decide::{DecideSkel, DecideSkelBuilder};
use crate::{Error, Result};

/// The decision program with maps of its own.
pub struct Decider {
    skel: DecideSkel<'static>,
}

/// What the kernel answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The verdict, `None` where no row was found.
    pub verdict: Option<PortValue>,
    /// `Rule`, or `NoPolicy` where nothing was found.
    pub reason: Reason,
}

const ETHERNET_HEADER: usize = 14;

// === impl Decider ===

impl Decider {
    /// Loads the program. Needs root, attaches nothing.
    pub fn open() -> Result<Self> {
        // One a test process; see `load.rs`.
        let object = Box::leak(Box::new(MaybeUninit::uninit()));
        let open = DecideSkelBuilder::default().open(object).map_err(Error::Load)?;
        Ok(Self {
            skel: open.load().map_err(Error::Load)?,
        })
    }

    /// Makes the maps hold exactly `compiled`.
    pub fn load(&mut self, compiled: &Compiled) -> Result<()> {
        let maps = &self.skel.maps;
        let maps = PolicyMaps {
            rows: &maps.rows,
            ports: &maps.ports,
            prefixes: &maps.prefixes,
            kept_rules: &maps.kept_rules,
        };
        let now = maps.read()?;
        let gone = (now.rows.into_keys().map(Step::DropRow))
            .chain(now.ports.into_keys().map(Step::DropPort))
            .chain(now.prefixes.into_keys().map(Step::DropPrefix));
        let new = (compiled.ports.iter().map(|(k, v)| Step::SetPort(*k, *v)))
            .chain(compiled.rows.iter().map(|(k, v)| Step::SetRow(*k, *v)))
            .chain(compiled.prefixes.iter().map(|(k, v)| Step::SetPrefix(*k, *v)));
        maps.apply(&gone.chain(new).collect::<Vec<_>>())
    }

    /// Asks the program.
    pub fn decide(&self, asked: &Question) -> Result<Answer> {
        let (answer, _): (types::decide_args, _) = run(&self.skel.progs.decide, &arguments(asked), 1)?;
        Ok(Answer {
            verdict: (answer.found != 0)
                .then(|| abi::verdict_back(&answer.verdict))
                .flatten(),
            reason: abi::reason(answer.reason).unwrap_or(Reason::Malformed),
        })
    }
}

impl Decider {
    /// Asks the same `times` over, and says how long once takes, on average: the lookups and the copying of question and
    /// answer, with everything in the processor's caches after the first.
    pub fn time(&self, asked: &Question, times: u32) -> Result<Duration> {
        Ok(run(&self.skel.progs.decide, &arguments(asked), times)?.1)
    }

    /// The option for one segment, as the kernel signs it; `key` as two little-endian halves.
    pub fn sign(&self, key: (u64, u64), claim: u32, segment: u32, seq: u32, ack: u32) -> Result<[u8; 16]> {
        let key = types::secret {
            low: key.0,
            high: key.1,
        };
        let args = types::sign_args {
            key,
            claim,
            segment,
            seq,
            ack,
            ..types::sign_args::default()
        };
        let (answer, _): (types::sign_args, _) = run(&self.skel.progs.sign, &args, 1)?;
        Ok(read(bytes(&answer.option)).unwrap_or_default())
    }
}

fn arguments(asked: &Question) -> types::decide_args {
    types::decide_args {
        subject: asked.subject,
        direction: asked.direction as u32,
        peer: asked.peer.0,
        class: asked.class as u32,
        region: asked.region.map_or(0, |region| region.0),
        port: asked.port,
        protocol: asked.protocol.0,
        ..types::decide_args::default()
    }
}

/// Hands `args` to a program as a packet's payload, `times` over, and takes them back with the average time of a run.
fn run<T: abi::Plain + Default>(
    program: &libbpf_rs::ProgramMut<'_>,
    args: &T,
    times: u32,
) -> Result<(T, Duration)> {
    let mut packet = vec![0_u8; ETHERNET_HEADER];
    packet.extend_from_slice(bytes(args));
    let mut out = packet.clone();
    let input = ProgramInput {
        data_in: Some(&packet),
        data_out: Some(&mut out),
        repeat: times,
        ..ProgramInput::default()
    };
    let ran = program.test_run(input).map_err(Error::map("decide", "run"))?;
    let duration = ran.duration;
    Ok((read(&out[ETHERNET_HEADER..]).unwrap_or_default(), duration))
}
