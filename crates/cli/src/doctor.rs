//! `cofferdam doctor`: one line a check, a hint below what is not well; then what of the host's network is kept from whom on
//! this kernel. Needs no daemon and no root.

use std::path::PathBuf;

use cofferdam_api::{Status, VERSION};
use cofferdam_daemon::{Options, config};
use cofferdam_policy::containment::{Stop, stops};
use serde::Serialize;

use crate::args::DoctorArgs;
use crate::failure::Failure;
use crate::output::{BAD, Call, GOOD, ODD, styled};

mod containment;
mod host;
mod service;
#[cfg(test)]
mod tests;

/// All checks, as `--json` prints them.
#[derive(Serialize)]
struct Checks {
    version: u32,
    checks: Vec<Check>,
    containment: Vec<Stop>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Check {
    name: &'static str,
    result: Outcome,
    /// What was seen.
    observed: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// How a check ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    /// As it should be.
    Ok,
    /// Something is missing that the daemon can do without.
    Warn,
    /// The daemon cannot work.
    Fail,
}

/// Prints the checks; 1 where one failed.
pub(crate) fn doctor(call: &Call, args: DoctorArgs) -> Result<u8, Failure> {
    let status = call.ask(call.client.status())?;
    let (socket, trouble) = docker_socket(args, status.as_ref().ok());
    let facts = host::Facts::read(socket);
    let mut checks = host::checks(&facts);
    checks.extend(trouble);
    let hooks = status.as_ref().map_or_else(|_| facts.hooks(), service::hooks);
    checks.extend(service::checks(status));
    let answer = Checks {
        version: VERSION,
        checks,
        containment: stops(hooks),
    };
    call.print(&answer, text)?;
    let failed = answer.checks.iter().any(|check| check.result == Outcome::Fail);
    Ok(if failed { crate::FINDINGS } else { crate::OK })
}

/// Where Docker is sought: by the command line, else by the daemon that runs, else by the configuration, else where it
/// usually is; and what is wrong with the configuration.
fn docker_socket(args: DoctorArgs, status: Option<&Status>) -> (PathBuf, Option<Check>) {
    let usual = PathBuf::from(Options::DOCKER_SOCKET);
    let chosen = args
        .docker_socket
        .or_else(|| status.map(|status| PathBuf::from(&status.docker.socket)));
    if let Some(chosen) = chosen {
        return (chosen, None);
    }
    if !args.config.exists() {
        return (usual, None);
    }
    match config::check(&args.config) {
        Ok(config) => (config.docker.socket.unwrap_or(usual), None),
        Err(error) => {
            let hint = error
                .hint()
                .unwrap_or_else(|| "`cofferdam config check`".to_owned());
            (usual, Some(Check::fail("config", error.to_string(), hint)))
        }
    }
}

fn text(answer: &Checks) -> String {
    let mut text: String = answer.checks.iter().map(Check::lines).collect();
    text.push_str(&containment::text(&answer.containment));
    text
}

// === impl Check ===

impl Check {
    fn ok(name: &'static str, observed: impl Into<String>) -> Self {
        Self {
            name,
            result: Outcome::Ok,
            observed: observed.into(),
            hint: None,
        }
    }

    fn warn(name: &'static str, observed: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            name,
            result: Outcome::Warn,
            observed: observed.into(),
            hint: Some(hint.into()),
        }
    }

    fn fail(name: &'static str, observed: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            name,
            result: Outcome::Fail,
            observed: observed.into(),
            hint: Some(hint.into()),
        }
    }

    fn lines(&self) -> String {
        let (style, word) = match self.result {
            Outcome::Ok => (GOOD, "ok"),
            Outcome::Warn => (ODD, "warn"),
            Outcome::Fail => (BAD, "fail"),
        };
        let head = styled(style, format_args!("{word:<5}"));
        let mut text = format!("{head} {:<11} {}\n", self.name, self.observed);
        if let Some(hint) = &self.hint {
            text.push_str(&format!("      {:<11} hint: {hint}\n", ""));
        }
        text
    }
}
