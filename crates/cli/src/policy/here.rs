//! This host as the daemon knows it, before and after `apply`.

use std::path::PathBuf;
use std::sync::Arc;

use cofferdam_policy::trial::{Stage, Workloads};
use cofferdam_policy::{Document, documents};

use super::gather;
use crate::failure::Failure;
use crate::output::Call;

/// The host under the policies in force, and under those that `apply` would leave: files of the same name are replaced.
pub(super) fn stages(
    call: &Call,
    replaced: &[&str],
    workloads: &[PathBuf],
    new: Vec<Arc<Document>>,
) -> Result<[Stage; 2], Failure> {
    let in_force = call.wait(call.client.policies())?;
    let now = gather::now();
    let (mut before, mut after) = (Vec::new(), new);
    for file in &in_force.files {
        let found = documents::parse(&file.name, file.text.as_bytes()).map_err(|_| {
            Failure::new(format!(
                "{} is in force, and this command cannot read it",
                file.name
            ))
            .hint("use the command that belongs to the daemon: `cofferdam doctor`")
        })?;
        let found = found.into_iter().filter(|document| !document.has_ended(now));
        let found: Vec<Arc<Document>> = found.collect();
        if !replaced.contains(&file.name.as_str()) {
            after.extend(found.iter().cloned());
        }
        before.extend(found);
    }
    let workloads = if workloads.is_empty() {
        let listing = call.wait(call.client.workloads())?;
        Workloads {
            list: listing.workloads.iter().map(gather::listed).collect(),
            ..Workloads::default()
        }
    } else {
        gather::workloads(workloads)?
    };
    let profile = call.wait(call.client.status())?.default_profile.into();
    Ok([before, after].map(|documents| Stage::new(&workloads, documents, profile)))
}
