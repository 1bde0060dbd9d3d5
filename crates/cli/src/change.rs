//! `enforce`, `observe`, `confirm`, `protect`, `unprotect`: changes of how workloads are protected.

use cofferdam_api::{ChangeRequest, Changed, EnforceRequest, ProtectRequest, UnprotectRequest};

use crate::args::{EnforceArgs, ObserveArgs, ProtectArgs, UnprotectArgs};
use crate::failure::Failure;
use crate::output::{self, Call};
use crate::{run, when};

pub(crate) fn enforce(call: &Call, args: EnforceArgs) -> Result<u8, Failure> {
    let request = EnforceRequest {
        names: args.names,
        all: args.all,
        for_seconds: args.for_seconds,
    };
    let changed = call.wait(call.client.enforce(&request))?;
    report(call, &changed, "enforced", "nothing to enforce")
}

pub(crate) fn observe(call: &Call, args: ObserveArgs) -> Result<u8, Failure> {
    let request = ChangeRequest {
        names: args.names,
        all: args.all,
    };
    let changed = call.wait(call.client.observe(&request))?;
    report(call, &changed, "observed", "nothing to observe")
}

pub(crate) fn confirm(call: &Call) -> Result<u8, Failure> {
    let changed = call.wait(call.client.confirm())?;
    report(call, &changed, "confirmed", "confirmed")
}

pub(crate) fn protect(call: &Call, args: ProtectArgs) -> Result<u8, Failure> {
    let request = ProtectRequest {
        name: args.name,
        labels: run::parse_labels(&args.labels)?,
    };
    let changed = call.wait(call.client.protect(&request))?;
    report(call, &changed, "protected", "nothing changed")
}

pub(crate) fn unprotect(call: &Call, args: UnprotectArgs) -> Result<u8, Failure> {
    let changed = call.wait(call.client.unprotect(&UnprotectRequest { name: args.name }))?;
    report(call, &changed, "no longer protected", "nothing changed")
}

fn report(call: &Call, changed: &Changed, done: &str, nothing: &str) -> Result<u8, Failure> {
    call.print(changed, |changed| text(changed, done, nothing))?;
    if !call.json {
        changed.notes.iter().for_each(|note| output::note(note));
    }
    Ok(crate::OK)
}

fn text(changed: &Changed, done: &str, nothing: &str) -> String {
    let mut text = if changed.workloads.is_empty() {
        format!("{nothing}\n")
    } else {
        changed
            .workloads
            .iter()
            .map(|name| format!("{name}: {done}\n"))
            .collect()
    };
    if let Some(time) = changed.rollback_at {
        let clock = when::clock(time, &when::now());
        text.push_str(&format!(
            "falls back at {clock} unless `cofferdam confirm` comes first\n"
        ));
    }
    text
}
