//! Flow records, from the daemon or from a file, as what was seen to pass.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use cofferdam_api::{
    Class, FlowEnd, FlowQuery, FlowView, HOOK_END, Mode, Timestamp, Verdict, WorkloadView,
    Workloads as Listing,
};
use cofferdam_learn::{End, Flow, Outside, Seen, Workload};
use cofferdam_policy::{Labels, PeerClass, Protocol, labels};

use super::records::{Record, Records, from_file};
use crate::args::LearnArgs;
use crate::failure::Failure;
use crate::output::Call;
use crate::policy::gather;
use crate::when;

/// What there is to learn from.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// What passed.
    pub(super) passed: Vec<Flow>,
    /// What was refused.
    refused: Vec<Flow>,
    /// Workloads that are there.
    there: Vec<Workload>,
    /// Records that were lost, of a daemon's.
    pub(super) lost: u64,
    /// Nobody has a policy, so nothing is recorded.
    pub(super) nobody_is_protected: bool,
}

/// What was settled before any policy was asked, and is not for a policy to allow.
const NO_POLICYS: [&str; 9] = [
    "same-workload",
    "loopback",
    "reply",
    "unprotected",
    "malformed",
    "port-taken",
    "foreign-socket",
    "foreign-source",
    "undeclared",
];

// === impl Observed ===

impl Observed {
    /// Workloads that are there.
    pub(super) fn there(&self) -> &[Workload] {
        &self.there
    }

    /// How many flows were refused.
    pub(super) fn denied(&self) -> u64 {
        self.refused.iter().map(|flow| flow.times).sum()
    }

    /// All of it, to learn from.
    pub(super) fn all(&self) -> Seen<'_> {
        Seen {
            passed: &self.passed,
            refused: &self.refused,
            there: &self.there,
        }
    }
}

/// Asks the daemon, or reads the files that were given.
pub(super) fn gather(call: &Call, args: &LearnArgs) -> Result<Observed, Failure> {
    let now = when::now();
    let since = args
        .since
        .as_deref()
        .map(|text| when::since(text, &now))
        .transpose()?;
    let query = FlowQuery {
        since,
        ..FlowQuery::default()
    };
    let mut records = Records::default();
    if let Some(path) = &args.flows {
        from_file(path, |flow| {
            if query.matches(&flow) {
                records.add(flow);
            }
        })?;
        let listing = args.workloads.as_deref().map(listing).transpose()?;
        return Ok(observed(&records, &listing.unwrap_or_default()));
    }
    call.wait(call.client.each_flow(&query, |flow| records.add(flow)))?;
    let listing = call.wait(call.client.workloads())?.workloads;
    let (lost, nobody_is_protected) = super::daemon_says(call)?;
    Ok(Observed {
        lost,
        nobody_is_protected,
        ..observed(&records, &listing)
    })
}

/// Flows of a file, or the daemon's where one answers.
pub(super) fn flows_or_none(call: &Call, args: &LearnArgs) -> Result<Vec<FlowView>, Failure> {
    let mut records = Records::default();
    if let Some(path) = &args.flows {
        from_file(path, |flow| records.add(flow))?;
    } else {
        let everything = FlowQuery::default();
        let asked = call.client.each_flow(&everything, |flow| records.add(flow));
        let _ = call.ask(asked)?;
    }
    Ok(records.into_flows().collect())
}

fn listing(path: &Path) -> Result<Vec<WorkloadView>, Failure> {
    let answer = serde_json::from_slice::<Listing>(&gather::read(path)?);
    let answer = answer.map_err(|error| {
        Failure::new(format!("{}: no list of workloads: {error}", path.display()))
            .hint("give what `cofferdam ps --json` printed")
    })?;
    Ok(answer.workloads)
}

/// What the records say, of workloads as they are listed.
pub(super) fn observed(records: &Records, listing: &[WorkloadView]) -> Observed {
    let by_name: BTreeMap<&str, &WorkloadView> = listing.iter().map(|one| (one.name.as_str(), one)).collect();
    let mut observed = Observed {
        there: listing.iter().map(listed).collect(),
        ..Observed::default()
    };
    let mut passed = Vec::new();
    for Record { flow, first } in records.all() {
        let is_itself = is_itself(flow, &by_name);
        if !flow.is_flow() || NO_POLICYS.contains(&flow.reason.as_str()) || is_itself {
            continue;
        }
        if flow.hook == HOOK_END || (flow.verdict, flow.mode) == (Verdict::Deny, Mode::Enforce) {
            observed.refused.push(seen((flow, *first), &by_name));
            continue;
        }
        passed.push((flow, seen((flow, *first), &by_name)));
    }
    settle_early_calls(&mut passed);
    // Packets of a call that its socket told already, with both names.
    let told: BTreeSet<Half<'_>> = passed
        .iter()
        .filter(|(flow, _)| !is_nameless(&flow.from) && !is_nameless(&flow.to))
        .flat_map(|(flow, seen)| halves(flow, seen.port))
        .collect();
    let is_told = |flow: &FlowView, port| {
        let nameless = [is_nameless(&flow.to), is_nameless(&flow.from)];
        let halves = nameless.into_iter().zip(halves(flow, port));
        halves
            .into_iter()
            .any(|(nameless, half)| nameless && told.contains(&half))
    };
    let new = passed.iter().filter(|(flow, seen)| !is_told(flow, seen.port));
    observed.passed = new.map(|(_, seen)| seen.clone()).collect();
    observed
}

/// Nobody asks a policy whether a workload may talk to itself. A server that looks up its own wildcard address connects to that
/// for a moment, and sends nothing.
fn is_itself(flow: &FlowView, by_name: &BTreeMap<&str, &WorkloadView>) -> bool {
    let Some(name) = flow
        .from
        .name
        .as_deref()
        .filter(|_| flow.from.class == Class::Workload)
    else {
        return false;
    };
    let own = by_name.get(name).map_or(&[][..], |view| &view.listening);
    let is_own = own.iter().any(|one| one.port == flow.destination.port());
    flow.to.name.as_deref() == Some(name)
        || flow.to.class == Class::Host && flow.destination.ip().is_unspecified() && is_own
}

/// A call that came before its server listened went to nobody, which is an address of this host. Where the same caller was
/// served at that address and port later, whoever served was meant.
fn settle_early_calls(passed: &mut [(&FlowView, Flow)]) {
    let place = |flow: &FlowView| {
        let from = flow.from.name.clone()?;
        is_call(flow).then(|| (from, flow.protocol.clone(), flow.destination))
    };
    let served = passed
        .iter()
        .filter(|(flow, _)| flow.to.class == Class::Workload && flow.to.name.is_some());
    let served: BTreeMap<_, (End, u16)> = served
        .filter_map(|(flow, seen)| Some((place(flow)?, (seen.to.clone(), seen.port))))
        .collect();
    for (flow, seen) in passed {
        if flow.to.class == Class::Host
            && flow.to.name.is_none()
            && let Some((server, port)) = place(flow).and_then(|place| served.get(&place))
        {
            seen.to = server.clone();
            seen.port = *port;
        }
    }
}

/// A socket told it, with the address and port that its program wanted; else a packet did, behind every translation.
fn is_call(flow: &FlowView) -> bool {
    flow.hook.starts_with("connect") || flow.hook.starts_with("sendmsg")
}

/// One end of a flow, whether it started it, and what it spoke.
type Half<'f> = (bool, &'f Option<String>, &'f str, u16);

/// The sender's, then the receiver's.
fn halves(flow: &FlowView, port: u16) -> [Half<'_>; 2] {
    [(true, &flow.from.name), (false, &flow.to.name)]
        .map(|(started, name)| (started, name, flow.protocol.as_str(), port))
}

/// A workload of which a packet told no more than that it is one.
fn is_nameless(end: &FlowEnd) -> bool {
    end.class == Class::Workload && end.name.is_none()
}

fn listed(view: &WorkloadView) -> Workload {
    Workload {
        name: view.name.clone(),
        namespace: view.namespace.clone(),
        identity: view.identity_labels.clone(),
        visible: visible(&view.labels, &view.identity_labels),
        protected: view.protected,
    }
}

/// What selectors see; the identity's keys may be the configuration's.
fn visible(all: &Labels, identity: &Labels) -> Labels {
    let mut visible = labels::selectable(all, &[]);
    visible.extend(identity.clone());
    visible
}

fn seen((flow, first): (&FlowView, Timestamp), by_name: &BTreeMap<&str, &WorkloadView>) -> Flow {
    const UNKNOWN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
    let source = flow.source.map_or(UNKNOWN, |source| source.ip());
    let destination = flow.destination.ip();
    Flow {
        from: end(&flow.from, source, flow.comm.as_ref(), by_name),
        to: end(&flow.to, destination, None, by_name),
        protocol: protocol(&flow.protocol),
        port: flow.port(),
        times: flow.repeats,
        first,
        last: flow.time,
    }
}

fn end(
    end: &FlowEnd,
    address: IpAddr,
    comm: Option<&String>,
    by_name: &BTreeMap<&str, &WorkloadView>,
) -> End {
    let is_workload = end.class == Class::Workload;
    let named = end
        .name
        .as_ref()
        .zip(end.namespace.as_ref())
        .filter(|_| is_workload);
    let Some((name, namespace)) = named else {
        let class = peer_class(end.class);
        let comm = comm.filter(|_| class == PeerClass::Host);
        return End::Outside(Outside {
            class,
            address,
            name: end.name.as_ref().or(comm).cloned(),
        });
    };
    // The listing knows which keys the configuration adds; a workload that was made anew since may have other labels.
    let listed = by_name
        .get(name.as_str())
        .filter(|view| view.labels == end.labels && view.namespace == *namespace);
    let identity = listed.map_or_else(
        || labels::identity_labels(&end.labels, &[]),
        |view| view.identity_labels.clone(),
    );
    End::Workload(Workload {
        name: name.clone(),
        namespace: namespace.clone(),
        visible: visible(&end.labels, &identity),
        identity,
        protected: true,
    })
}

fn peer_class(class: Class) -> PeerClass {
    match class {
        Class::Workload => PeerClass::Workload,
        Class::Host => PeerClass::Host,
        Class::Lan => PeerClass::Lan,
        Class::Metadata => PeerClass::Metadata,
        Class::Multicast => PeerClass::Multicast,
        Class::World => PeerClass::World,
        Class::Pending => PeerClass::Pending,
    }
}

fn protocol(name: &str) -> Protocol {
    match name {
        "tcp" => Protocol::TCP,
        "udp" => Protocol::UDP,
        "icmp" => Protocol::ICMP,
        "icmp6" => Protocol::ICMP6,
        number => Protocol(number.parse().unwrap_or(u8::MAX)),
    }
}
