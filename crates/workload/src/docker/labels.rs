//! Which of a container's labels its creator gave, and which namespace they put it into.

use cofferdam_policy::Labels;
use cofferdam_policy::labels::is_runtimes;

const PROJECT: &str = "com.docker.compose.project";
/// Compose writes it on containers only, never on the images it builds.
const CONFIG_HASH: &str = "com.docker.compose.config-hash";
const DEFAULT_NAMESPACE: &str = "default";

/// The creator's labels and the policy namespace.
pub(super) struct Origin {
    /// What is left after the image's pairs and the runtimes' own keys.
    pub(super) labels: Labels,
    /// The compose project, or `default`.
    pub(super) namespace: String,
}

/// Takes a container's labels apart. `image` are the labels of its image; empty where the image is missing.
///
/// A pair that the image brings too, key and value, does not count. The project is an exception where the creator was
/// Compose: it also labels the images it builds. An image alone cannot put a container into a project.
pub(super) fn origin(all: &Labels, image: &Labels) -> Origin {
    let given = |key: &str| all.get(key).filter(|value| image.get(key) != Some(value));
    let project = match given(CONFIG_HASH) {
        Some(_) => all.get(PROJECT),
        None => given(PROJECT),
    };
    let namespace = project.filter(|name| !name.is_empty()).cloned();
    let labels = all
        .iter()
        .filter(|(key, value)| image.get(*key) != Some(*value) && !is_runtimes(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Origin {
        labels,
        namespace: namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()),
    }
}

#[cfg(test)]
mod tests;
