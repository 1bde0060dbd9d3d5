//! `--contain` and its kin: labels, of which one with a mistake starts nothing; and what holds by the daemon's answer.

use std::collections::BTreeMap;

use cofferdam_api::RunResponse;
use cofferdam_policy::Mode;
use cofferdam_policy::containment::{self, Containment, Level};
use cofferdam_policy::labels::{self, LabelError};

use crate::args::ContainArgs;
use crate::failure::Failure;

/// What the flags say, as `KEY=VALUE`.
pub(super) fn labels(args: &ContainArgs) -> Result<Vec<String>, Failure> {
    let items = |items: &Option<Vec<String>>| items.as_ref().map(|items| items.join(", "));
    let given = [
        ("--contain", containment::CONTAIN, args.contain.clone()),
        ("--loopback", containment::LOOPBACK, args.loopback.clone()),
        ("--bind", containment::BIND, items(&args.bind)),
        ("--interfaces", containment::INTERFACES, items(&args.interfaces)),
        ("--allow", containment::ALLOW, items(&args.allow)),
    ];
    let mut labels = Vec::new();
    for (flag, key, value) in given {
        let Some(value) = value else { continue };
        let read = labels::directives(&[(key.to_owned(), value.clone())].into());
        if let Some(LabelError::Value(error)) = read.problems.first() {
            let (column, what) = (error.column, &error.what);
            return Err(Failure::new(format!("{flag} {value:?}: column {column}: {what}")).hint(error.hint()));
        }
        labels.push(format!("{key}={value}"));
    }
    Ok(labels)
}

/// What the command is not to have: the daemon's word, for its configuration may say more than the flags. `None`:
/// nothing is taken from it, for it is only observed.
pub(super) fn held(
    asked: &BTreeMap<String, String>,
    answer: &RunResponse,
) -> Result<Option<Containment>, Failure> {
    let read = |labels: &BTreeMap<String, String>| labels::directives(labels);
    let Some(held) = answer.containment.as_ref().map(read) else {
        if read(asked).containment.at(Level::Default).strict {
            return Err(Failure::new("the daemon knows nothing of `--contain strict`")
                .hint("it is older than this program: restart it"));
        }
        return Ok(None);
    };
    let observed = held.mode == Some(Mode::Observe);
    Ok((!observed).then(|| held.containment.at(Level::Default)))
}
