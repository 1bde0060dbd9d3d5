//! `cofferdam policy eval`.

use std::io::{BufRead, BufReader, Read};

use cofferdam_policy::Judge;
use cofferdam_policy::cases::Case;
use serde::Serialize;

use crate::args::EvalArgs;
use crate::failure::Failure;
use crate::output::Call;

/// So many are listed.
const LISTED: usize = 10;

#[derive(Serialize)]
struct Report {
    version: u32,
    cells: usize,
    disagree: usize,
    /// The first of them.
    first: Vec<String>,
}

pub(super) fn eval(call: &Call, args: &EvalArgs) -> Result<u8, Failure> {
    let path = args.cases.display();
    let cannot = |error: std::io::Error| Failure::new(format!("cannot read {path}: {error}"));
    let file = std::fs::File::open(&args.cases).map_err(cannot)?;
    let mut file = BufReader::new(file);
    let is_packed = file.fill_buf().map_err(cannot)?.starts_with(&[0x1f, 0x8b]);
    let text: Box<dyn Read> = if is_packed {
        Box::new(flate2::bufread::MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut report = Report {
        version: cofferdam_api::VERSION,
        cells: 0,
        disagree: 0,
        first: Vec::new(),
    };
    for (number, line) in (1..).zip(BufReader::new(text).lines()) {
        let line = line.map_err(cannot)?;
        if !line.trim().is_empty() {
            case(&line, &mut report).map_err(|error| {
                Failure::new(format!("{path}:{number}: {error}")).hint("docs/policies.md describes the cases")
            })?;
        }
    }
    call.print(&report, |report| {
        let mut text = format!("cells {} disagree {}\n", report.cells, report.disagree);
        report
            .first
            .iter()
            .for_each(|line| text.push_str(&format!("  {line}\n")));
        text
    })?;
    Ok(if report.disagree == 0 {
        crate::OK
    } else {
        crate::FINDINGS
    })
}

fn case(line: &str, report: &mut Report) -> Result<(), cofferdam_policy::cases::CaseError> {
    let case = Case::parse(line)?;
    for (number, step) in (1..).zip(&case.steps) {
        let prepared = step.prepare()?;
        let judge = Judge::new(&prepared.world);
        for (cell, attempt) in &prepared.attempts {
            report.cells += 1;
            if cell.agrees(&judge.ends(attempt)) {
                continue;
            }
            report.disagree += 1;
            if report.first.len() < LISTED {
                report.first.push(format!(
                    "{}, step {number}: {} -> {} {}/{}: expected ingress {:?}, egress {:?}",
                    case.description, cell.from, cell.to, cell.port, cell.proto, cell.ingress, cell.egress
                ));
            }
        }
    }
    Ok(())
}
