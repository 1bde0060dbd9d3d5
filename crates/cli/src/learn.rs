//! `cofferdam learn`: the daemon's flows, or those of a file, to policies: printed, written, or compared with what is in
//! force. What is learnt of a flow is `crates/learn`'s.

use std::fs;
use std::path::Path;

use cofferdam_learn::{Learned, LeftOut, Limits, Policy, Workload};
use cofferdam_policy::documents;
use jiff::Timestamp;
use serde::Serialize;

use crate::args::LearnArgs;
use crate::failure::Failure;
use crate::output::{Call, GOOD, ODD, note, styled, warning};
use crate::policy;

mod compose;
mod labels;
mod observed;
mod records;
#[cfg(test)]
mod tests;

use observed::Observed;

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    version: u32,
    /// Flows that were learnt from.
    flows: u64,
    /// Flows that were denied, and so were not.
    denied: u64,
    documents: Vec<Written>,
    left_out: Vec<Left>,
}

/// One policy.
#[derive(Serialize)]
struct Written {
    name: String,
    file: String,
    workloads: Vec<String>,
    flows: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    generalised: Vec<String>,
    risks: Vec<String>,
    text: String,
}

/// Flows that no policy allows.
#[derive(Serialize)]
struct Left {
    from: String,
    to: String,
    port: String,
    flows: u64,
    why: String,
}

/// Learns, and does with it what was asked.
pub(crate) fn learn(call: &Call, args: &LearnArgs) -> Result<u8, Failure> {
    if args.labels {
        return labels::labels(call, args);
    }
    let seen = observed::gather(call, args)?;
    let limits = Limits {
        addresses: args.addresses,
        ports: args.ports,
    };
    let wanted = |workload: &Workload| args.wanted.as_deref().is_none_or(|text| is_meant(text, workload));
    let learned = cofferdam_learn::learn(seen.all(), limits, wanted);
    if learned.policies.is_empty() || seen.passed.is_empty() {
        return Err(nothing(args, &seen, &learned));
    }
    if args.as_labels {
        remark(&seen, &learned);
        return compose::compose(call, args, &seen, &learned);
    }
    if let Some(folder) = &args.output {
        let files: Vec<(String, String)> = learned
            .policies
            .iter()
            .map(|policy| (policy.file_name(), policy.yaml()))
            .collect();
        write(
            folder,
            files.iter().map(|(name, text)| (name.as_str(), text.as_str())),
        )?;
    }
    remark(&seen, &learned);
    if args.diff {
        return diff(call, &learned.policies);
    }
    let report = report(&seen, learned);
    call.print(&report, |report| text(report, args.output.as_deref()))?;
    if let (Some(folder), false) = (&args.output, call.json) {
        let folder = folder.display();
        note(&format!(
            "`cofferdam policy diff {folder}` says what would change, `cofferdam policy apply {folder}` enforces it"
        ));
    }
    Ok(crate::OK)
}

/// Whether `text` means a workload: all of `k=v,…` among its labels, or its name.
fn is_meant(text: &str, workload: &Workload) -> bool {
    if !text.contains('=') {
        return workload.name == text;
    }
    text.split(',').all(|pair| {
        let pair = pair.split_once('=');
        pair.is_some_and(|(key, value)| {
            workload
                .visible
                .get(key.trim())
                .is_some_and(|one| one == value.trim())
        })
    })
}

/// Why there is no policy.
fn nothing(args: &LearnArgs, seen: &Observed, learned: &Learned) -> Failure {
    let since = args
        .since
        .as_deref()
        .map_or_else(String::new, |text| format!(" since {text}"));
    let is_about = |one: &&LeftOut| {
        let wanted = args.wanted.as_ref();
        wanted.is_none_or(|text| [&one.from, &one.to].contains(&text))
    };
    if let Some(first) = learned.left_out.iter().find(is_about) {
        let LeftOut {
            from, to, what, why, ..
        } = first;
        return Failure::new(format!(
            "no policy can be about what was seen: {from} → {to} {what}: {why}"
        ))
        .hint("give it a label that says who it is: `cofferdam protect NAME --label app=NAME`");
    }
    if let (Some(text), false) = (&args.wanted, seen.passed.is_empty()) {
        return Failure::new(format!("no flow of {text} was seen{since}"))
            .hint("name a workload (`cofferdam ps`) or labels (`app=web`) that took part in a flow: `cofferdam flows`");
    }
    if seen.nobody_is_protected {
        return Failure::new("no workload is protected, so none of their flows are seen")
            .hint("give them labels that say who they are, or `cofferdam protect NAME --label app=NAME`");
    }
    if seen.denied() > 0 {
        return Failure::new(format!(
            "all {} flows that were seen{since} were denied",
            seen.denied()
        ))
        .hint(
            "`cofferdam observe --all` denies nothing: let the application work under it, and learn again",
        );
    }
    Failure::new(format!("no flows were seen{since}"))
        .hint("let the application work for a while, under `cofferdam observe --all` so that nothing is denied, and learn again")
}

/// What a reader of the policies should know, to stderr.
fn remark(seen: &Observed, learned: &Learned) {
    for one in &learned.left_out {
        let LeftOut {
            from,
            to,
            what,
            why,
            times,
        } = one;
        warning(&format!("left out: {from} → {to} {what} (×{times}): {why}"));
    }
    if seen.lost > 0 {
        let lost = seen.lost;
        warning(&format!(
            "{lost} flow records were lost: the policies may lack what only those told"
        ));
    }
    if seen.denied() > 0 {
        let denied = seen.denied();
        note(&format!(
            "{denied} denied flows were not learnt: `cofferdam flows --denied` shows them"
        ));
    }
}

fn diff(call: &Call, policies: &[Policy]) -> Result<u8, Failure> {
    let names: Vec<String> = policies.iter().map(Policy::file_name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut all = Vec::new();
    for policy in policies {
        // Nothing of a user's is in it that was not quoted, so this cannot happen; if it does, nothing is in force.
        let read = documents::parse(&policy.file_name(), policy.yaml().as_bytes());
        all.extend(read.map_err(|mistakes| {
            let what = mistakes.first().map_or_else(String::new, ToString::to_string);
            Failure::new(format!("{} cannot be read back: {what}", policy.full_name()))
        })?);
    }
    policy::diff_here(call, &names, all)
}

/// Files with these names and texts.
fn write<'a>(folder: &Path, files: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), Failure> {
    let cannot = |path: &Path, error| Failure::new(format!("cannot write {}: {error}", path.display()));
    fs::create_dir_all(folder).map_err(|error| cannot(folder, error))?;
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| cannot(&path, error))?;
    }
    Ok(())
}

fn report(seen: &Observed, learned: Learned) -> Report {
    let written = |policy: Policy| Written {
        name: policy.full_name(),
        file: policy.file_name(),
        flows: policy.evidence.times,
        first: policy.evidence.first,
        last: policy.evidence.last,
        generalised: policy.generalised().cloned().collect(),
        risks: policy.risks().cloned().collect(),
        text: policy.yaml(),
        workloads: policy.workloads,
    };
    let left = |one: LeftOut| Left {
        from: one.from,
        to: one.to,
        port: one.what,
        flows: one.times,
        why: one.why,
    };
    Report {
        version: cofferdam_api::VERSION,
        flows: seen.passed.iter().map(|flow| flow.times).sum(),
        denied: seen.denied(),
        documents: learned.policies.into_iter().map(written).collect(),
        left_out: learned.left_out.into_iter().map(left).collect(),
    }
}

/// The documents, or where they were written.
fn text(report: &Report, folder: Option<&Path>) -> String {
    let Some(folder) = folder else {
        let texts: Vec<&str> = report.documents.iter().map(|one| one.text.as_str()).collect();
        return texts.join("---\n");
    };
    let mut text = String::new();
    for one in &report.documents {
        let path = folder.join(&one.file);
        text.push_str(&format!(
            "{} {}: selects {}, {} flows\n",
            styled(GOOD, "wrote"),
            path.display(),
            one.workloads.join(", "),
            one.flows
        ));
        for (word, list) in [("risk:", &one.risks), ("generalised:", &one.generalised)] {
            for what in list {
                text.push_str(&format!("  {} {what}\n", styled(ODD, word)));
            }
        }
    }
    text
}

/// The daemon's losses and whether it protects anybody.
fn daemon_says(call: &Call) -> Result<(u64, bool), Failure> {
    let status = call.wait(call.client.status())?;
    let lost = status.losses.flows + status.losses.unkept;
    Ok((lost, status.workloads.protected == 0))
}
