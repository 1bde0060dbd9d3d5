//! `cofferdam policy apply`: files into the daemon's folder, and out of it again where the daemon refuses them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use cofferdam_api::{Policies, PolicyView, ReloadRequest};

use super::{check, gather};
use crate::args::ApplyArgs;
use crate::failure::Failure;
use crate::output::{BAD, Call, GOOD, styled};

pub(super) fn apply(call: &Call, args: &ApplyArgs) -> Result<u8, Failure> {
    let found = gather::policies(&args.paths)?;
    if !found.mistakes.is_empty() {
        return check::report(call, found, Vec::new());
    }
    let mut wanted = BTreeMap::new();
    for path in gather::all_files(&args.paths)? {
        let text = gather::read(&path)?;
        let name = name_of(&path)?;
        if wanted.insert(name.clone(), text).is_some() {
            return Err(Failure::new(format!("two files are named {name}"))
                .hint("the folder holds each name once: rename one of them"));
        }
    }
    let folder = PathBuf::from(call.wait(call.client.policies())?.folder);
    let mut before = BTreeMap::new();
    for (name, text) in &wanted {
        before.insert(name.clone(), fs::read(folder.join(name)).ok());
        write(&folder, name, text)?;
    }
    let files: Vec<String> = wanted.keys().cloned().collect();
    let answer = reload(call, &files);
    let refused: Vec<String> = match &answer {
        Ok(policies) => refused(policies, &wanted),
        Err(_) => files,
    };
    // A file that waits for better days would come into force unasked.
    for name in &refused {
        match before.get(name).and_then(Option::as_ref) {
            Some(text) => write(&folder, name, text)?,
            None => fs::remove_file(folder.join(name)).map_err(|error| cannot(&folder.join(name), &error))?,
        }
    }
    if !refused.is_empty() {
        let _ = reload(call, &refused);
    }
    let mut policies = answer?;
    policies.files.retain(|file| wanted.contains_key(&file.name));
    call.print(&policies, text)?;
    Ok(if refused.is_empty() {
        crate::OK
    } else {
        crate::FINDINGS
    })
}

pub(super) fn reload(call: &Call, files: &[String]) -> Result<Policies, Failure> {
    let request = ReloadRequest {
        files: files.to_vec(),
    };
    call.wait(call.client.reload_policies(&request))
}

/// Files that the daemon refuses, or has not read.
fn refused(policies: &Policies, wanted: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let taken = |name: &&String| {
        let file = policies.files.iter().find(|file| file.name == **name);
        file.is_some_and(|file| {
            file.mistakes.is_empty() && Some(&file.text.clone().into_bytes()) == wanted.get(*name)
        })
    };
    wanted.keys().filter(|name| !taken(name)).cloned().collect()
}

fn name_of(path: &Path) -> Result<String, Failure> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let end = Path::new(name).extension().and_then(|end| end.to_str());
    if matches!(end, Some("yaml" | "yml" | "json")) && !name.starts_with('.') {
        return Ok(name.to_owned());
    }
    Err(
        Failure::new(format!("{} is no name for a policy file", path.display()))
            .hint("names end in .yaml, .yml or .json, and do not begin with a dot"),
    )
}

/// The daemon never sees half a file, and neither does whoever starts after a crash.
fn write(folder: &Path, name: &str, text: &[u8]) -> Result<(), Failure> {
    let (path, beside) = (folder.join(name), folder.join(format!(".{name}.new")));
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o644)
            .open(&beside)?;
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|error| cannot(&path, &error))
}

pub(super) fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot write {}: {error}", path.display())).hint("only root may change policies")
}

/// Whom a policy is about.
pub(super) fn selects(policy: &PolicyView) -> String {
    if policy.workloads.is_empty() {
        "nobody yet".to_owned()
    } else {
        policy.workloads.join(", ")
    }
}

fn text(policies: &Policies) -> String {
    let mut text = String::new();
    for file in &policies.files {
        for mistake in &file.mistakes {
            text.push_str(&format!(
                "{} {}:{}:{}: {}\nhint: {}\n",
                styled(BAD, "refused:"),
                file.name,
                mistake.line,
                mistake.column,
                mistake.what,
                mistake.hint
            ));
        }
        if !file.mistakes.is_empty() {
            continue;
        }
        for policy in &file.policies {
            let word = if policy.ended { "has ended:" } else { "in force:" };
            text.push_str(&format!(
                "{} {} ({}), selects {}\n",
                styled(GOOD, word),
                policy.name,
                file.name,
                selects(policy)
            ));
        }
    }
    text
}
