//! Paths in files: relative ones are made whole from the file's folder before files are merged, as a service that
//! comes from another folder keeps its own paths.

use crate::yaml::{Node, Value};

/// The folder of a path: `a` of `a/b`, empty where there is none.
pub(super) fn folder(path: &str) -> &str {
    path.rsplit_once('/')
        .map_or("", |(folder, _)| if folder.is_empty() { "/" } else { folder })
}

/// `path`, seen from `folder`.
pub(super) fn join(folder: &str, path: &str) -> String {
    if path.starts_with('/') || folder.is_empty() {
        return crate::model::clean_path(path);
    }
    crate::model::clean_path(&format!("{folder}/{path}"))
}

/// The name that docker compose gives a project in `folder`.
pub(super) fn project_name(folder: &str) -> String {
    let last = folder.rsplit('/').next().unwrap_or_default();
    let name: String = last
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .collect();
    name.trim_start_matches(['-', '_']).to_owned()
}

/// Makes the host's paths of every service whole.
pub(super) fn make_whole(document: &mut Node, folder: &str) {
    let Value::Map(top) = &mut document.value else {
        return;
    };
    let services = top.iter_mut().find(|entry| entry.key.value == "services");
    let Some(Value::Map(services)) = services.map(|entry| &mut entry.node.value) else {
        return;
    };
    for service in services {
        let Value::Map(settings) = &mut service.node.value else {
            continue;
        };
        for setting in settings {
            if setting.key.value == "volumes"
                && let Value::List(mounts) = &mut setting.node.value
            {
                mounts.iter_mut().for_each(|mount| whole_mount(mount, folder));
            }
        }
    }
}

fn whole_mount(mount: &mut Node, folder: &str) {
    match &mut mount.value {
        Value::Scalar { text, .. } => {
            if text.starts_with('.')
                && let Some((source, rest)) = text.split_once(':')
            {
                *text = format!("{}:{rest}", join(folder, source));
            }
        }
        Value::Map(entries) => {
            let bind = entries
                .iter()
                .any(|entry| entry.key.value == "type" && entry.node.text() == Some("bind"));
            let source = entries
                .iter_mut()
                .find(|entry| matches!(entry.key.value.as_str(), "source" | "src"));
            if let Some(entry) = source.filter(|_| bind)
                && let Value::Scalar { text, .. } = &mut entry.node.value
                && !text.starts_with(['/', '~'])
                && !text.is_empty()
            {
                *text = join(folder, text);
            }
        }
        Value::List(_) => {}
    }
}
