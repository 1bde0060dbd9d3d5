//! A flow record in one line for people, and its parts as names and values for the formats that want those.

use cofferdam_api::{FlowEnd, FlowView, Mode, Verdict};

/// `denied: host (curl) → web:80/tcp by default/outside`.
pub(crate) fn sentence(flow: &FlowView) -> String {
    let verdict = match (flow.verdict, flow.mode) {
        (Verdict::Allow, _) => "allowed",
        (Verdict::Deny, Mode::Enforce) => "denied",
        (Verdict::Deny, Mode::Observe) => "would be denied",
    };
    let port = match flow.port() {
        0 => String::new(),
        port => format!(":{port}"),
    };
    let by = flow.rule.as_ref().map_or(&flow.reason, |rule| &rule.name);
    // `cofferdam run` names a workload by its program.
    let is_name = |comm: &&String| {
        flow.from
            .name
            .as_ref()
            .is_some_and(|name| name.starts_with(comm.as_str()))
    };
    let comm = flow.comm.as_ref().filter(|comm| !is_name(comm));
    let comm = comm.map_or_else(String::new, |comm| format!(" ({comm})"));
    let times = match flow.repeats {
        0 | 1 => String::new(),
        times => format!(", {times} times"),
    };
    let from = who(&flow.from, || flow.source.map(|source| source.ip()));
    if let Some(act) = flow.act() {
        let refusal = flow.refusal();
        let because = refusal.map_or_else(String::new, |why| format!(", because {why}"));
        return format!("{verdict}: {from}{comm} {act}{times}{because}");
    }
    let name = flow.dns.as_ref().map(|name| format!(" ({name})"));
    format!(
        "{verdict}: {from}{comm} → {}{port}/{}{} by {by}{times}",
        who(&flow.to, || Some(flow.destination.ip())),
        flow.protocol,
        name.unwrap_or_default()
    )
}

/// A name, or an address where that says who.
fn who(end: &FlowEnd, address: impl FnOnce() -> Option<std::net::IpAddr>) -> String {
    use cofferdam_api::Class::{Host, Pending, Workload};
    match (&end.name, end.class) {
        (Some(name), _) => name.clone(),
        (None, class @ (Host | Pending | Workload)) => class.to_string(),
        (None, class) => address().map_or_else(|| class.to_string(), |address| format!("{class} {address}")),
    }
}

/// One part of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(u64),
}

/// The parts that have a name of their own in each format: `from.name`, `rule.name`, …; those that are absent are left out.
pub(super) fn parts(flow: &FlowView) -> Vec<(&'static str, Value)> {
    let text = |value: &str| Value::Text(value.to_owned());
    let mut all = vec![
        ("verdict", text(flow.verdict.as_str())),
        ("mode", text(flow.mode.as_str())),
        ("reason", text(&flow.reason)),
        ("hook", text(&flow.hook)),
        ("repeats", Value::Number(flow.repeats)),
    ];
    let mut add = |name, value: Option<&str>| {
        if let Some(value) = value {
            all.push((name, text(value)));
        }
    };
    add("direction", flow.direction.map(|direction| direction.as_str()));
    add("rule.name", flow.rule.as_ref().map(|rule| rule.name.as_str()));
    add("rule.source", flow.rule.as_ref().map(|rule| rule.source.as_str()));
    add("allow_with", flow.allow_with.as_deref());
    add("dns", flow.dns.as_deref());
    add("object", flow.object.as_deref());
    add(
        "inner_port",
        flow.inner_port.map(|port| port.to_string()).as_deref(),
    );
    for (end, names) in [
        (
            &flow.from,
            ["from.class", "from.name", "from.namespace", "from.labels"],
        ),
        (&flow.to, ["to.class", "to.name", "to.namespace", "to.labels"]),
    ] {
        let [class, name, namespace, labels] = names;
        add(class, Some(end.class.as_str()));
        add(name, end.name.as_deref());
        add(namespace, end.namespace.as_deref());
        let pairs: Vec<_> = end
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        add(labels, (!pairs.is_empty()).then(|| pairs.join(",")).as_deref());
    }
    all
}
