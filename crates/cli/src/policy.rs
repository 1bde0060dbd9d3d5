//! `cofferdam policy show`: the built-in documents. No rule is hidden in code.

use cofferdam_api::{PolicyText, Profile, VERSION};

use crate::args::{PolicyArgs, PolicyCommand, PolicyName};
use crate::failure::Failure;
use crate::output::{self, Call};

/// Prints a document; `default` needs no daemon, and says so where it has none to ask.
pub(crate) fn policy(call: &Call, args: &PolicyArgs) -> Result<u8, Failure> {
    let PolicyCommand::Show { name } = args.command;
    let document = match name {
        PolicyName::Default => in_force(call)?,
        PolicyName::SameLabels => built_in(Profile::SameLabels),
        PolicyName::Strict => built_in(Profile::Strict),
        PolicyName::Allow => built_in(Profile::Allow),
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
