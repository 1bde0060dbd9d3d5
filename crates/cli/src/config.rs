//! `cofferdam config check`.

use cofferdam_api::VERSION;
use serde::Serialize;

use crate::args::{ConfigArgs, ConfigCommand};
use crate::failure::Failure;
use crate::output::Call;

#[derive(Serialize)]
struct Checked {
    version: u32,
    path: String,
    valid: bool,
}

/// Says that a file is valid; an invalid one is an error with its place.
pub(crate) fn config(call: &Call, args: &ConfigArgs) -> Result<u8, Failure> {
    let ConfigCommand::Check { path } = &args.command;
    cofferdam_daemon::config::check(path)
        .map_err(|error| Failure::new(error.to_string()).maybe_hint(error.hint()))?;
    let checked = Checked {
        version: VERSION,
        path: path.display().to_string(),
        valid: true,
    };
    call.print(&checked, |checked| format!("{}: valid\n", checked.path))?;
    Ok(crate::OK)
}
