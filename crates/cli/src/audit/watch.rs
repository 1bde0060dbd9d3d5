//! `cofferdam audit --watch`: asks the engine every second which containers run, and audits anew when one is new.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use cofferdam_audit::decision::Configuration;

use super::{engine, gather, judge, table};
use crate::args::AuditArgs;
use crate::failure::Failure;
use crate::output::{note, print};

const PAUSE: Duration = Duration::from_secs(1);

/// Reports what new containers bring, until interrupted.
pub(super) fn watch(args: &AuditArgs, configuration: &Configuration) -> Result<u8, Failure> {
    let mut known: HashSet<String> = HashSet::new();
    let mut told: HashSet<String> = HashSet::new();
    let mut first = true;
    loop {
        let answer = engine::ask(args.engine.as_deref())?;
        let services = answer.iter().flat_map(|answer| &answer.project.services);
        let running: HashSet<String> = services.filter_map(|service| service.id.clone()).collect();
        if first || !running.is_subset(&known) {
            let mut report = judge(&gather::gather(args)?, configuration, args)?;
            report
                .findings
                .retain(|finding| told.insert(finding.fingerprint.clone()));
            let new = cofferdam_audit::report::Report::new(report.findings, &[]);
            if first || new.counted().next().is_some() {
                print(&table::table(&new, args.all))?;
            }
            if first {
                note("waiting for containers to start; interrupt to end");
            }
        }
        // One that is started anew may bring the same findings: they are told again.
        let gone: Vec<&String> = known.difference(&running).collect();
        if !gone.is_empty() {
            told.clear();
        }
        known = running;
        first = false;
        thread::sleep(PAUSE);
    }
}
