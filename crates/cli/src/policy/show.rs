//! `cofferdam policy show`: a built-in document, or one of the folder as it is in force.

use cofferdam_api::{Policies, PolicyFile, PolicyText, PolicyView, Profile, VERSION};
use cofferdam_policy::{DefaultProfile, POSTURES};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{self, Call};

#[cfg(test)]
mod tests;

/// A policy of the folder.
#[derive(Serialize)]
struct Shown<'f> {
    version: u32,
    folder: &'f str,
    file: &'f str,
    policy: &'f PolicyView,
    text: String,
}

pub(super) fn show(call: &Call, name: &str) -> Result<u8, Failure> {
    let document = match DefaultProfile::named(name) {
        Some(posture) => built_in(posture.into()),
        None if name == "default" => in_force(call)?,
        None => return of_folder(call, name),
    };
    call.print(&document, |document| ended(&document.text))?;
    Ok(crate::OK)
}

/// The default profile in force, or that of a daemon without options where there is none to ask.
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

fn of_folder(call: &Call, name: &str) -> Result<u8, Failure> {
    let policies = call.wait(call.client.policies())?;
    let Some((file, policy)) = find(&policies, name) else {
        let names = policies.files.iter().flat_map(|file| &file.policies);
        let names: Vec<&str> = names.map(|policy| policy.name.as_str()).collect();
        let of_folder = if names.is_empty() {
            format!("{} holds none", policies.folder)
        } else {
            format!("in {} are {}", policies.folder, names.join(", "))
        };
        let postures = POSTURES.map(DefaultProfile::name).join(", ");
        return Err(Failure::new(format!("no policy is named `{name}`"))
            .hint(format!("{of_folder}; built in are default, {postures}")));
    };
    let shown = Shown {
        version: VERSION,
        folder: &policies.folder,
        file: &file.name,
        policy,
        text: part(&file.text, policy.line),
    };
    call.print(&shown, |shown| {
        let selects = if policy.workloads.is_empty() {
            "nobody".to_owned()
        } else {
            policy.workloads.join(", ")
        };
        let place = format!("{}/{}:{}", shown.folder, shown.file, policy.line);
        let ended_at = if policy.ended { "; it has ended" } else { "" };
        format!("# {place}, selects {selects}{ended_at}\n{}", ended(&shown.text))
    })?;
    Ok(crate::OK)
}

/// By its full name, or without the namespace `default`.
fn find<'p>(policies: &'p Policies, name: &str) -> Option<(&'p PolicyFile, &'p PolicyView)> {
    let named = |wanted: &str| {
        policies
            .files
            .iter()
            .find_map(|file| Some((file, file.policies.iter().find(|policy| policy.name == wanted)?)))
    };
    named(name).or_else(|| named(&format!("default/{name}")))
}

/// The document of a file that begins at a line: what lies between two `---`.
fn part(text: &str, line: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let at = line.saturating_sub(1).min(lines.len());
    let is_mark = |line: &&str| line.starts_with("---");
    let first = lines[..at].iter().rposition(is_mark).map_or(0, |mark| mark + 1);
    let last = lines[at..]
        .iter()
        .position(is_mark)
        .map_or(lines.len(), |mark| at + mark);
    lines[first..last].join("\n")
}

fn ended(text: &str) -> String {
    format!("{}\n", text.trim_end())
}
