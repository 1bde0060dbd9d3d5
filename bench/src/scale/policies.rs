//! What policies cost: the verdict by how many rules there are, compilation by how many workloads and policies.

use std::time::Instant;

use anyhow::{Context, ensure};
use cofferdam_datapath::Decider;
use cofferdam_policy::documents::parse;
use cofferdam_policy::{
    Compiler, Direction, Effect, IDENTITY_MIN, Identity, Labels, Peer, PeerClass, Protocol, Question,
    Subject, World, plan,
};
use serde::Serialize;

#[cfg(test)]
mod tests;

/// The time of a verdict of the compiled decision in the kernel.
#[derive(Debug, Serialize)]
pub(crate) struct RuleTime {
    /// Rules of all policies together.
    pub(crate) rules: u32,
    /// Nanoseconds of one verdict that was asked many times.
    pub(crate) ns: f64,
}

/// One world, compiled from scratch and after a change.
#[derive(Debug, Serialize)]
pub(crate) struct CompileTime {
    pub(crate) workloads: u32,
    pub(crate) policies: u32,
    /// Rows that the kernel would hold.
    pub(crate) rows: usize,
    pub(crate) parse_ms: f64,
    pub(crate) compile_ms: f64,
    /// After one policy has changed.
    pub(crate) again_ms: f64,
    /// Lists of rules that were compiled anew by that; two a workload.
    pub(crate) made: usize,
    /// The plan of that change.
    pub(crate) plan_ms: f64,
    /// Resident memory of this process more than before, MiB.
    pub(crate) memory_mib: f64,
}

const RULES: [u32; 3] = [10, 1_000, 100_000];
const WORLDS: [(u32, u32); 2] = [(1_000, 1_000), (10_000, 1_000)];
const TIMES: u32 = 20_000;
/// Workloads that share their labels.
pub(super) const ALIKE: u32 = 10;

pub(super) fn verdicts() -> anyhow::Result<Vec<RuleTime>> {
    let mut decider = Decider::open()?;
    RULES
        .into_iter()
        .map(|rules| verdict(&mut decider, rules))
        .collect()
}

/// So many rules in policies of 100 each, a workload for each policy; the one that is asked about has one of them.
fn verdict(decider: &mut Decider, rules: u32) -> anyhow::Result<RuleTime> {
    let each = rules.min(100);
    let world = world(rules / each, 1, rules / each, each)?;
    let compiled = Compiler::default().compile(&world, &[])?;
    decider.load(&compiled)?;
    let question = Question {
        subject: 1,
        direction: Direction::Ingress,
        peer: Peer(IDENTITY_MIN),
        class: PeerClass::Workload,
        region: None,
        protocol: Protocol::TCP,
        port: 1,
    };
    let answer = decider.decide(&question)?.verdict.context("no verdict")?;
    ensure!(
        answer.effect == Effect::Allow,
        "rule 1 does not allow: {answer:?}"
    );
    let time = decider.time(&question, TIMES)?;
    Ok(RuleTime {
        rules,
        ns: time.as_secs_f64() * 1e9,
    })
}

pub(super) fn compilations() -> anyhow::Result<Vec<CompileTime>> {
    WORLDS
        .into_iter()
        .map(|(workloads, policies)| compilation(workloads, policies))
        .collect()
}

pub(super) fn compilation(workloads: u32, policies: u32) -> anyhow::Result<CompileTime> {
    let ms = |start: Instant| start.elapsed().as_secs_f64() * 1e3;
    let before = resident()?;
    let start = Instant::now();
    let mut world = world(workloads / ALIKE, ALIKE, policies, 2)?;
    let parse_ms = ms(start);
    let mut compiler = Compiler::default();
    let start = Instant::now();
    let old = compiler.compile(&world, &[])?;
    let compile_ms = ms(start);
    let rules = world
        .documents
        .first_mut()
        .and_then(|document| std::sync::Arc::make_mut(document).ingress.as_mut());
    rules.context("no rules")?.pop();
    let start = Instant::now();
    let new = compiler.compile(&world, &old.rules)?;
    let again_ms = ms(start);
    let made = compiler.made();
    let start = Instant::now();
    let steps = plan(&old, &new);
    let plan_ms = ms(start);
    ensure!(
        !steps.install.is_empty() || !steps.retire.is_empty(),
        "the change changed nothing"
    );
    Ok(CompileTime {
        workloads,
        policies,
        rows: old.rows.len(),
        parse_ms,
        compile_ms,
        again_ms,
        made,
        plan_ms,
        memory_mib: resident()? - before,
    })
}

/// Each policy selects the workloads of one application, so many `alike`, and lets in its neighbours, on ports of its own.
pub(super) fn world(applications: u32, alike: u32, policies: u32, rules: u32) -> anyhow::Result<World> {
    let mut world = World::default();
    for number in 0..applications * alike {
        let labels: Labels = [
            ("app".to_owned(), format!("a{}", number / alike)),
            ("instance".to_owned(), number.to_string()),
        ]
        .into();
        world.identities.push(Identity {
            number: Peer(IDENTITY_MIN + number),
            namespace: "default".to_owned(),
            identity_labels: labels.clone().into(),
            labels: labels.into(),
            named_ports: Vec::new(),
        });
        world.subjects.push(Subject {
            number: number + 1,
            identity: Peer(IDENTITY_MIN + number),
            openings: Vec::new(),
            profile: None,
        });
    }
    for number in 0..policies {
        let text = policy(number, number % applications, applications, rules);
        let read = parse("bench.yaml", text.as_bytes());
        let read = read.map_err(|found| anyhow::anyhow!("{}", found[0]))?;
        world.documents.extend(read);
    }
    Ok(world)
}

/// A policy of so many rules.
pub(super) fn policy(number: u32, application: u32, applications: u32, rules: u32) -> String {
    let rule = |port: u32| {
        let peer = (application + port - 1) % applications;
        format!(
            "    - from: [{{podSelector: {{matchLabels: {{app: a{peer}}}}}}}]\n      ports: [{{port: {port}}}]\n"
        )
    };
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p{number}}}\nspec:\n  podSelector: {{matchLabels: {{app: a{application}}}}}\n  ingress:\n{}",
        (1..=rules).map(rule).collect::<String>()
    )
}

/// MiB of this process.
fn resident() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kib / 1024.0)
}
