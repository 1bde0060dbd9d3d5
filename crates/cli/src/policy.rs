//! `cofferdam policy`: documents read, compared, tried and explained without a daemon. What a document means is
//! `crates/policy`'s; here are files, tables and exit codes.

use std::sync::Arc;

use cofferdam_policy::Document;

use crate::args::{PolicyArgs, PolicyCommand};
use crate::failure::Failure;
use crate::output::Call;

mod apply;
mod check;
mod diff;
mod eval;
mod explain;
pub(crate) mod gather;
mod here;
mod remove;
mod show;
mod test;
#[cfg(test)]
mod tests;

/// Prints what would change on this host if files with these names and documents lay in the folder; the exit status.
pub(crate) fn diff_here(call: &Call, files: &[&str], documents: Vec<Arc<Document>>) -> Result<u8, Failure> {
    diff::compare(call, &here::stages(call, files, &[], documents)?)
}

/// Runs one of the commands; `show default` asks the daemon, and says so where it has none to ask.
pub(crate) fn policy(call: &Call, args: &PolicyArgs) -> Result<u8, Failure> {
    match &args.command {
        PolicyCommand::Show { name } => show::show(call, name),
        PolicyCommand::Apply(args) => apply::apply(call, args),
        PolicyCommand::Remove(args) => remove::remove(call, args),
        PolicyCommand::Check(args) => check::check(call, args),
        PolicyCommand::Diff(args) => diff::diff(call, args),
        PolicyCommand::Explain(args) => explain::explain(call, args),
        PolicyCommand::Test(args) => test::test(call, args),
        PolicyCommand::Eval(args) => eval::eval(call, args),
    }
}
