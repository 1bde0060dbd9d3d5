//! `cofferdam audit`: gathers what there is to judge, has `cofferdam-audit` judge it, prints it in one of its formats.

use std::fs;
use std::path::Path;

use cofferdam_audit::decision::{Baseline, Configuration, apply_comments};
use cofferdam_audit::report::{self, Report};
use cofferdam_audit::{Finding, Note, Position, Severity};

use crate::args::{AuditArgs, AuditCommand, AuditFormat};
use crate::failure::Failure;
use crate::output::{Call, json, note, print};
use gather::Gathered;

pub(crate) mod engine;
pub(crate) mod files;
mod gather;
mod host;
mod matrix;
mod observe;
mod policy;
mod table;
#[cfg(test)]
mod tests;
mod watch;

/// Read where it is there and no other one is named.
const CONFIGURATION: &str = ".cofferdam-audit.toml";

/// Runs the command.
pub(crate) fn audit(call: &Call, args: &AuditArgs) -> Result<u8, Failure> {
    if let Some(AuditCommand::Explain { rule }) = &args.explain {
        return explain(rule.as_deref());
    }
    let configuration = configuration(args.config.as_deref())?;
    if args.watch {
        return watch::watch(args, &configuration);
    }
    let gathered = gather::gather(args)?;
    if args.matrix {
        return matrix::show(call, &gathered.estate, args.probe, args.all);
    }
    let fail_on = match args.fail_on {
        Some(fail_on) => fail_on.0,
        None => configuration.fail_on.or(Some(Severity::High)),
    };
    let report = judge(&gathered, &configuration, args)?;
    let format = if call.json { AuditFormat::Json } else { args.format };
    print(&shown(&report, format, args, fail_on)?)?;
    let fails = fail_on.is_some_and(|severity| report.fails(severity));
    Ok(if fails { crate::FINDINGS } else { crate::OK })
}

/// Findings, with what does not count marked, and notes.
fn judge(gathered: &Gathered, configuration: &Configuration, args: &AuditArgs) -> Result<Report, Failure> {
    let mut findings: Vec<Finding> = cofferdam_audit::check(&gathered.estate);
    let mut notes: Vec<Note> = gathered.notes();
    notes.extend(apply_comments(
        &gathered.comments,
        &gathered.estate.projects,
        &mut findings,
    ));
    configuration.apply(&mut findings);
    if let Some(path) = &args.write_baseline {
        let text = json(&Baseline::of(&findings))?;
        fs::write(path, text).map_err(|error| cannot("write", path, &error))?;
    }
    if let Some(path) = &args.baseline {
        let text = fs::read_to_string(path).map_err(|error| cannot("read", path, &error))?;
        let baseline: Baseline = serde_json::from_str(&text)
            .map_err(|error| Failure::new(format!("{} is no baseline: {error}", path.display())))?;
        baseline.apply(&mut findings);
    }
    Ok(Report::new(findings, &notes))
}

fn shown(
    report: &Report,
    format: AuditFormat,
    args: &AuditArgs,
    fail_on: Option<Severity>,
) -> Result<String, Failure> {
    match format {
        AuditFormat::Table => {
            tell(&report.notes);
            Ok(table::table(report, args.all))
        }
        AuditFormat::Json => json(report),
        AuditFormat::Sarif => json(&report::sarif(report, env!("CARGO_PKG_VERSION"))),
        AuditFormat::Junit => report::junit(report, fail_on.unwrap_or(Severity::Critical))
            .map_err(|error| Failure::new(format!("cannot write JUnit's XML: {error}"))),
        AuditFormat::Html => Ok(report::html(report, &title(args))),
    }
}

/// A few notes in full, many as a number.
fn tell(notes: &[report::Remark]) {
    const FEW: usize = 4;
    for one in notes.iter().take(if notes.len() > FEW { 0 } else { FEW }) {
        let at = Position::new(one.file.as_str(), one.line, one.column);
        note(&format!("{at}: {}", one.text));
    }
    if notes.len() > FEW {
        note(&format!(
            "{} places were read leniently; `--format json` lists them",
            notes.len()
        ));
    }
}

/// What was audited, in words.
fn title(args: &AuditArgs) -> String {
    if !args.command.is_empty() {
        return args.command.join(" ");
    }
    if args.paths.is_empty() {
        let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        return format!("host {}", name.trim());
    }
    let names: Vec<String> = args.paths.iter().map(|path| path.display().to_string()).collect();
    names.join(", ")
}

fn configuration(named: Option<&Path>) -> Result<Configuration, Failure> {
    let path = named.unwrap_or(Path::new(CONFIGURATION));
    if named.is_none() && !path.exists() {
        return Ok(Configuration::default());
    }
    let text = fs::read_to_string(path).map_err(|error| cannot("read", path, &error))?;
    Configuration::read(&text).map_err(|error| {
        Failure::new(format!("{}: {error}", path.display()))
            .hint("`cofferdam audit explain` lists the rules; each `[[ignore]]` has `rule` and `reason`")
    })
}

fn explain(rule: Option<&str>) -> Result<u8, Failure> {
    let Some(id) = rule else {
        print(&table::rules())?;
        return Ok(crate::OK);
    };
    let Some(rule) = cofferdam_audit::find_rule(id) else {
        return Err(Failure::new(format!("there is no rule `{id}`"))
            .hint("`cofferdam audit explain` lists the rules"));
    };
    print(&rule.page())?;
    Ok(crate::OK)
}

/// A file that cannot be read or written.
fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot {what} {}: {error}", path.display()))
}
