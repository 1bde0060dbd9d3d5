//! Records in the words of the wire.

use cofferdam_api::{self as api, FlowView, Mode, RuleView};
use cofferdam_policy::Protocol;

use super::Slot;
use crate::enforcer::Hook;

/// A record as the wire has it.
pub(super) fn view(slot: &Slot) -> FlowView {
    let record = &slot.record;
    let known = record.source.port() != 0 || !record.source.ip().is_unspecified();
    FlowView {
        time: record.time,
        start: (slot.first != record.time).then_some(slot.first),
        verdict: record.verdict.action.into(),
        reason: reason_name(record.verdict.reason),
        rule: record.rule.as_ref().map(|rule| RuleView {
            name: rule.name.clone(),
            source: rule.source.clone(),
        }),
        hook: hook_name(record.hook, record.destination.is_ipv6()).to_owned(),
        mode: if record.observed {
            Mode::Observe
        } else {
            Mode::Enforce
        },
        from: (&record.from).into(),
        to: (&record.to).into(),
        direction: record.verdict.direction.map(Into::into),
        protocol: match record.hook {
            Hook::Unix => "unix".to_owned(),
            Hook::Sysctl => "sysctl".to_owned(),
            _ => protocol_name(record.protocol),
        },
        source: known.then_some(record.source),
        destination: record.destination,
        inner_port: record.inner_port,
        dns: record.dns.as_deref().map(str::to_owned),
        object: record.object.as_deref().map(str::to_owned),
        pid: (record.pid != 0).then_some(record.pid),
        comm: (!record.comm.is_empty()).then(|| record.comm.to_string()),
        repeats: slot.repeats,
        allow_with: record.allow_with.as_deref().map(str::to_owned),
        totals: slot.totals,
    }
}

/// The serde name: `same-workload`.
pub(crate) fn reason_name(reason: cofferdam_policy::Reason) -> String {
    match serde_json::to_value(reason) {
        Ok(serde_json::Value::String(name)) => name,
        _ => format!("{reason:?}"),
    }
}

pub(crate) fn protocol_name(protocol: Protocol) -> String {
    match protocol {
        Protocol::TCP => "tcp".to_owned(),
        Protocol::UDP => "udp".to_owned(),
        Protocol(1) => "icmp".to_owned(),
        Protocol(58) => "icmp6".to_owned(),
        Protocol(number) => number.to_string(),
    }
}

fn hook_name(hook: Hook, v6: bool) -> &'static str {
    match (hook, v6) {
        (Hook::Connect, false) => "connect4",
        (Hook::Connect, true) => "connect6",
        (Hook::Sendmsg, false) => "sendmsg4",
        (Hook::Sendmsg, true) => "sendmsg6",
        (Hook::Egress, _) => "egress",
        (Hook::Ingress, _) => "ingress",
        (Hook::Bind, v6) => api::HOOK_BIND[usize::from(v6)],
        (Hook::End, _) => api::HOOK_END,
        (Hook::Socket, _) => api::HOOK_SOCKET,
        (Hook::Unix, _) => api::HOOK_UNIX,
        (Hook::Sysctl, _) => api::HOOK_SYSCTL,
    }
}
