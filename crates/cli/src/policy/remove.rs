//! `cofferdam policy remove`: files out of the daemon's folder.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use cofferdam_api::Policies;

use super::apply::{cannot, reload, selects};
use crate::args::RemoveArgs;
use crate::failure::Failure;
use crate::output::{Call, GOOD, styled};

pub(super) fn remove(call: &Call, args: &RemoveArgs) -> Result<u8, Failure> {
    let mut policies = call.wait(call.client.policies())?;
    let names: Vec<String> = args.files.iter().map(|file| name_of(file)).collect();
    let unknown = |name: &&String| policies.files.iter().all(|file| file.name != **name);
    if let Some(name) = names.iter().find(unknown) {
        return Err(no_such_file(&policies, name));
    }
    for name in &names {
        let path = PathBuf::from(&policies.folder).join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(cannot(&path, &error)),
            _ => {}
        }
    }
    let left = reload(call, &names)?;
    if let Some(file) = left.files.iter().find(|file| names.contains(&file.name)) {
        return Err(
            Failure::new(format!("{} is removed, and still in force", file.name)).hint(format!(
                "is {} the daemon's folder, and is it there? `cofferdam status` says more",
                left.folder
            )),
        );
    }
    policies.files.retain(|file| names.contains(&file.name));
    call.print(&policies, text)?;
    Ok(crate::OK)
}

/// A file of the folder is named as it is named there; whoever gives the path of what was applied means the same.
fn name_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str());
    name.to_string_lossy().into_owned()
}

fn no_such_file(policies: &Policies, name: &str) -> Failure {
    let holds = |policy: &str| {
        let ends_so = |full: &str| full == policy || full.ends_with(&format!("/{policy}"));
        let mut files = policies.files.iter();
        files.find(|file| file.policies.iter().any(|policy| ends_so(&policy.name)))
    };
    let names: Vec<&str> = policies.files.iter().map(|file| file.name.as_str()).collect();
    let hint = match holds(name) {
        Some(file) if file.policies.len() == 1 => {
            format!("it is a policy of {0}: `cofferdam policy remove {0}`", file.name)
        }
        Some(file) => format!(
            "it is one policy of {}/{}: take it out there, which counts once the file is saved",
            policies.folder, file.name
        ),
        None if names.is_empty() => "the folder is empty".to_owned(),
        None => format!("its files are {}", names.join(", ")),
    };
    Failure::new(format!("{} has no file {name}", policies.folder)).hint(hint)
}

fn text(policies: &Policies) -> String {
    let mut text = String::new();
    for file in &policies.files {
        for policy in &file.policies {
            text.push_str(&format!(
                "{} {} ({}), selected {}\n",
                styled(GOOD, "removed:"),
                policy.name,
                file.name,
                selects(policy)
            ));
        }
        if file.policies.is_empty() {
            text.push_str(&format!("{} {}\n", styled(GOOD, "removed:"), file.name));
        }
    }
    text
}
