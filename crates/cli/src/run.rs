//! `cofferdam run`: the daemon moves this process into its cgroup, then the command takes its place.
//!
//! No fork: the terminal, the signals and the exit status are the command's, and there is no instant at which it
//! runs outside its policy.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use cofferdam_api::RunRequest;
use cofferdam_policy::labels::{self, PORT_PREFIX};

use crate::args::RunArgs;
use crate::failure::{Failure, RUN_NOT_EXECUTABLE, RUN_NOT_FOUND, RUN_REFUSED};
use crate::output::{Call, warning};

mod contain;
mod restrict;
#[cfg(test)]
mod tests;

/// Runs the command; returns only where that failed. `raw` is the whole command line.
pub(crate) fn run(call: &Call, args: RunArgs, raw: &[OsString]) -> Result<u8, Failure> {
    let command = command_words(raw, args.command);
    let Some((program, arguments)) = command.split_first() else {
        return Err(Failure::new("there is no command to run").code(RUN_REFUSED));
    };
    let refused = |failure: Failure| failure.code(RUN_REFUSED);
    let declared = contain::labels(&args.contain).map_err(refused)?;
    let request = RunRequest {
        name: args.name,
        namespace: args.namespace,
        labels: all_labels(&args.labels, &args.ports, declared).map_err(refused)?,
        command: Path::new(program)
            .file_name()
            .map(|name| name.to_string_lossy().into_owned()),
    };
    let answer = call.wait(call.client.run(&request)).map_err(refused)?;
    let containment = contain::held(&request.labels, &answer).map_err(refused)?;
    for text in &answer.warnings {
        warning(text);
    }
    for text in restrict::restrict(containment.as_ref()).map_err(refused)? {
        warning(&text);
    }
    let error = Command::new(program).args(arguments).exec();
    Err(exec_failure(program, &error))
}

/// A named port and what is declared are labels like any other, but one with a mistake starts nothing.
fn all_labels(
    labels: &[String],
    ports: &[String],
    mut given: Vec<String>,
) -> Result<BTreeMap<String, String>, Failure> {
    for port in ports {
        let label = format!("{PORT_PREFIX}{port}");
        let read = labels::parse(&label).map(|label| labels::directives(&[label].into()));
        if !read.is_ok_and(|read| read.problems.is_empty()) {
            return Err(Failure::new(format!("`{port}` is no port with a name"))
                .hint("write --port http=80, or --port dns=53/udp"));
        }
        given.push(label);
    }
    parse_labels(&[labels, given.as_slice()].concat())
}

/// `KEY=VALUE` texts as a set; the same key twice with two values is a mistake.
pub(crate) fn parse_labels(texts: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut set = BTreeMap::new();
    for text in texts {
        let (key, value) =
            labels::parse(text).map_err(|error| Failure::new(error.to_string()).hint(error.hint()))?;
        if let Some(other) = set
            .insert(key.clone(), value.clone())
            .filter(|other| *other != value)
        {
            return Err(
                Failure::new(format!("label `{key}` is given as `{other}` and as `{value}`"))
                    .hint("a workload has one value for each key"),
            );
        }
    }
    Ok(set)
}

/// Drops a `--` right after the command where none stood before it. Both spellings are in use: `run curl -- URL` is
/// the predecessor's. Only that place: a later `--` (`git log -- FILE`) is the command's own.
fn command_words(raw: &[OsString], mut command: Vec<OsString>) -> Vec<OsString> {
    let before = raw
        .len()
        .checked_sub(command.len() + 1)
        .and_then(|index| raw.get(index));
    let escaped = before.is_some_and(|word| word == "--");
    if !escaped && command.get(1).is_some_and(|word| word == "--") {
        command.remove(1);
    }
    command
}

fn exec_failure(program: &OsStr, error: &io::Error) -> Failure {
    let program = program.to_string_lossy();
    if error.kind() == io::ErrorKind::NotFound {
        return Failure::new(format!("`{program}` is not found"))
            .hint("give the path of an executable file, or the name of one in PATH")
            .code(RUN_NOT_FOUND);
    }
    Failure::new(format!("`{program}` cannot be executed: {error}"))
        .hint("it must be a program, or a script that begins with `#!`, with execute permission")
        .code(RUN_NOT_EXECUTABLE)
}
