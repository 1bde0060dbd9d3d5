//! `cofferdam version`.

use cofferdam_api::VERSION;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Call;

/// The version of this command.
pub(crate) const OWN: &str = env!("CARGO_PKG_VERSION");

#[derive(Serialize)]
struct Versions {
    version: u32,
    cofferdam: &'static str,
    /// Absent where no daemon answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    daemon: Option<String>,
}

/// Prints both versions; a daemon that is absent is no error here.
pub(crate) fn version(call: &Call) -> Result<u8, Failure> {
    let daemon = call.ask(call.client.status())?;
    let versions = Versions {
        version: VERSION,
        cofferdam: OWN,
        daemon: daemon.as_ref().ok().map(|status| status.daemon.clone()),
    };
    call.print(&versions, |versions| {
        let daemon = match &daemon {
            Ok(status) => format!("daemon {}", status.daemon),
            Err(error) => error.to_string(),
        };
        format!("cofferdam {}\n{daemon}\n", versions.cofferdam)
    })?;
    Ok(crate::OK)
}
