//! The steps of the cyclonus suite as they are played: with which ports.

use cofferdam_policy::cases::Case;
use serde_json::{Value, json};

use crate::conformance;

/// What is in force at one moment, and what must come of it.
pub(crate) struct Played {
    /// The description of its case, and its number there.
    pub(crate) title: String,
    /// Its pods, `NAMESPACE/NAME`, in the order in which the case numbers them.
    pub(crate) pods: Vec<String>,
    /// The step alone.
    pub(crate) case: Case,
    /// Some policy is about addresses.
    pub(crate) by_address: bool,
}

/// Ports of which each pod has its own lie this far apart.
const APART: u64 = 1000;

/// Every step of the cases that have this text in their description; `None` where the suite is absent.
pub(crate) fn read(wanted: &str) -> Option<Vec<(String, Value)>> {
    let text = conformance::read("cyclonus.jsonl.gz")?;
    let mut steps = Vec::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let description = case["description"].as_str().unwrap();
        let of_case = case["steps"].as_array().unwrap().iter().enumerate();
        let titled = of_case.map(|(number, step)| (format!("{description} step {number}"), step.clone()));
        steps.extend(titled.filter(|(title, _)| title.contains(wanted)));
    }
    Some(steps)
}

// === impl Played ===

impl Played {
    /// With a port of its own for each pod, where all of them share one address.
    pub(crate) fn new(title: &str, step: &Value, own_ports: bool) -> Self {
        let mut step = step.clone();
        let all = step["Pods"].as_array().unwrap().iter();
        let pods: Vec<String> = all
            .map(|pod| {
                format!(
                    "{}/{}",
                    pod["ns"].as_str().unwrap(),
                    pod["name"].as_str().unwrap()
                )
            })
            .collect();
        if own_ports {
            spread(&mut step["Policies"], pods.len());
            for cell in step["Expect"].as_array_mut().unwrap() {
                let owner = pods.iter().position(|pod| cell["To"] == pod.as_str()).unwrap();
                cell["Port"] = (cell["Port"].as_u64().unwrap() + offset(owner)).into();
            }
        }
        Self {
            title: title.to_owned(),
            pods,
            by_address: step["Policies"].to_string().contains("ipBlock"),
            case: serde_json::from_value(json!({"description": title, "steps": [step]})).unwrap(),
        }
    }
}

/// What is added to a port of that pod.
pub(crate) fn offset(pod: usize) -> u64 {
    APART * (pod as u64 + 1)
}

/// A rule for a number, or a range of them, becomes one for that number of each pod. It means the same, because a pod has
/// only its own.
fn spread(value: &mut Value, pods: usize) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::Array(ports)) = fields.get_mut("ports") {
                *ports = ports.iter().flat_map(|port| of_each(port, pods)).collect();
            }
            fields.values_mut().for_each(|field| spread(field, pods));
        }
        Value::Array(all) => all.iter_mut().for_each(|one| spread(one, pods)),
        _ => {}
    }
}

fn of_each(port: &Value, pods: usize) -> Vec<Value> {
    if !port["port"].is_u64() {
        return vec![port.clone()];
    }
    let of = |pod| {
        let mut port = port.clone();
        for end in ["port", "endPort"] {
            if let Some(number) = port.get(end).and_then(Value::as_u64) {
                port[end] = (number + offset(pod)).into();
            }
        }
        port
    };
    (0..pods).map(of).collect()
}
