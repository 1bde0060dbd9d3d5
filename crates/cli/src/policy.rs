//! `cofferdam policy`: documents read, compared, tried and explained without a daemon. What a document means is
//! `crates/policy`'s; here are files, tables and exit codes.

use cofferdam_api::{PolicyText, Profile, VERSION};
use cofferdam_policy::DefaultProfile;

use crate::args::{PolicyArgs, PolicyCommand, PolicyName};
use crate::failure::Failure;
use crate::output::{self, Call};

mod check;
mod diff;
mod eval;
mod explain;
mod gather;
mod test;
#[cfg(test)]
mod tests;

/// Runs one of the commands; `show default` asks the daemon, and says so where it has none to ask.
pub(crate) fn policy(call: &Call, args: &PolicyArgs) -> Result<u8, Failure> {
    match &args.command {
        PolicyCommand::Show { name } => show(call, *name),
        PolicyCommand::Check(args) => check::check(call, args),
        PolicyCommand::Diff(args) => diff::diff(call, args),
        PolicyCommand::Explain(args) => explain::explain(call, args),
        PolicyCommand::Test(args) => test::test(call, args),
        PolicyCommand::Eval(args) => eval::eval(call, args),
    }
}

fn show(call: &Call, name: PolicyName) -> Result<u8, Failure> {
    let document = match name {
        PolicyName::Default => in_force(call)?,
        PolicyName::BuiltIn(posture) => built_in(DefaultProfile::from(posture).into()),
    };
    call.print(&document, |document| {
        let end = if document.text.ends_with('\n') { "" } else { "\n" };
        format!("{}{end}", document.text)
    })?;
    Ok(crate::OK)
}

fn in_force(call: &Call) -> Result<PolicyText, Failure> {
    match call.ask(call.client.policy_default())? {
        Ok(document) => Ok(document),
        Err(error) => {
            output::note(&format!(
                "{error}; this is the profile of a daemon without options"
            ));
            Ok(built_in(Profile::default()))
        }
    }
}

fn built_in(profile: Profile) -> PolicyText {
    let text = cofferdam_policy::default_profile_text(profile.into()).to_owned();
    PolicyText {
        version: VERSION,
        profile,
        text,
    }
}
