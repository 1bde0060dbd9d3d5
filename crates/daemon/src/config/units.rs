//! `[[unit]]`: a cgroup that somebody else makes, and what it declares of the host's network.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cofferdam_policy::labels::{self, LabelError};
use cofferdam_policy::{Labels, containment};
use serde::Deserialize;

/// `[[unit]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Unit {
    /// Unit name, `nginx.service`: its cgroup is found below the root of the hierarchy.
    pub unit: Option<String>,
    /// Or the cgroup itself, absolute or relative to the root of the hierarchy.
    pub cgroup: Option<PathBuf>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its policy namespace.
    #[serde(default = "default_namespace")]
    pub namespace: String,
    /// As the label `cofferdam.contain`.
    pub contain: Option<String>,
    /// As the label `cofferdam.loopback`.
    pub loopback: Option<String>,
    /// As the label `cofferdam.bind`, an item each.
    pub bind: Option<Vec<String>>,
    /// As the label `cofferdam.interfaces`, an item each.
    pub interfaces: Option<Vec<String>>,
    /// As the label `cofferdam.allow`, an item each.
    pub allow: Option<Vec<String>>,
}

/// The first thing that makes no sense, and what would.
pub(super) fn validate(units: &[Unit]) -> Result<(), (String, String)> {
    let wrong = |what: String, hint: &str| Err((what, hint.to_owned()));
    for (index, unit) in units.iter().enumerate() {
        let table = format!("[[unit]] number {}", index + 1);
        if unit.unit.is_some() == unit.cgroup.is_some() {
            return wrong(
                format!("{table} needs a unit or a cgroup"),
                "unit = \"nginx.service\"",
            );
        }
        if unit.labels.is_empty() {
            return wrong(format!("{table} has no labels"), "labels = { app = \"nginx\" }");
        }
        let declared = unit.declared();
        if let Some(key) = declared.keys().find(|key| unit.labels.contains_key(*key)) {
            return wrong(
                format!("{table}: {key} is among its labels, and has a key of its own"),
                "one of the two",
            );
        }
    }
    Ok(())
}

/// The first key whose value is not understood, and the number of its table.
pub(super) fn not_understood(units: &[Unit]) -> Option<(usize, LabelError)> {
    let mut problems = units.iter().zip(1..).filter_map(|(unit, number)| {
        let problem = labels::directives(&unit.declared()).problems.into_iter().next()?;
        Some((number, problem))
    });
    problems.next()
}

fn default_namespace() -> String {
    "default".to_owned()
}

// === impl Unit ===

impl Unit {
    /// The name the workload is listed under.
    pub fn name(&self) -> String {
        match (&self.unit, &self.cgroup) {
            (Some(unit), _) => unit.clone(),
            (None, Some(path)) => path
                .file_name()
                .unwrap_or(path.as_os_str())
                .to_string_lossy()
                .into_owned(),
            (None, None) => String::new(),
        }
    }

    /// Its labels, with those that have keys of their own.
    pub fn all_labels(&self) -> Labels {
        let mut all = self.declared();
        all.extend(self.labels.clone());
        all
    }

    fn declared(&self) -> Labels {
        let items = |items: &Option<Vec<String>>| items.as_ref().map(|items| items.join(", "));
        let said = [
            (containment::CONTAIN, self.contain.clone()),
            (containment::LOOPBACK, self.loopback.clone()),
            (containment::BIND, items(&self.bind)),
            (containment::INTERFACES, items(&self.interfaces)),
            (containment::ALLOW, items(&self.allow)),
        ];
        let said = said.into_iter();
        said.filter_map(|(key, value)| Some((key.to_owned(), value?)))
            .collect()
    }
}
