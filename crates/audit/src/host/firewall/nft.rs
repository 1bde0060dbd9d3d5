//! `nft -j list ruleset`. What iptables-nft wrote is in it too, but of iptables' own matches only the names.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::Family;
use super::chains::{Chain, Hook, Rule, Verdict};
use super::when::{Link, When, all_but, net, other_protocols};
use crate::model::{PortRange, Protocol};

/// DNAT is done at this priority.
const DNAT: i64 = -100;

/// All chains for IPv4 or IPv6.
pub(super) fn chains(tree: &Value) -> Vec<Chain> {
    let listing = Listing(tree["nftables"].as_array().map(Vec::as_slice).unwrap_or_default());
    let mut chains: Vec<Chain> = listing.of("chain").filter_map(chain).collect();
    let place = |chain: &Chain| (chain.family, chain.table.clone(), chain.name.clone());
    let mut places: HashMap<_, usize> = chains.iter().map(place).zip(0..).collect();
    for rule in listing.of("rule") {
        let (Some(family), Some(words)) = (family(rule), rule["expr"].as_array()) else {
            continue;
        };
        let (table, name) = (text(&rule["table"]), text(&rule["chain"]));
        let key = (family, table.to_owned(), name.to_owned());
        let at = *places.entry(key).or_insert_with(|| {
            chains.push(Chain {
                family,
                table: table.to_owned(),
                name: name.to_owned(),
                hook: (table == "raw" && name == "PREROUTING").then_some(Hook::Raw),
                drops: false,
                rules: Vec::new(),
            });
            chains.len() - 1
        });
        Reader {
            listing: &listing,
            rule,
        }
        .read(words, &mut chains[at].rules);
    }
    chains
}

fn chain(item: &Value) -> Option<Chain> {
    let hook = match (text(&item["hook"]), item["prio"].as_i64()) {
        ("input", _) => Some(Hook::Input),
        ("prerouting", Some(prio)) if prio < DNAT => Some(Hook::Raw),
        _ => None,
    };
    Some(Chain {
        family: family(item)?,
        table: text(&item["table"]).to_owned(),
        name: text(&item["name"]).to_owned(),
        hook,
        drops: item["policy"] == "drop",
        rules: Vec::new(),
    })
}

/// `Some(None)` is both, `None` something else: bridges, ARP.
fn family(item: &Value) -> Option<Option<Family>> {
    match item["family"].as_str() {
        Some("ip") => Some(Some(Family::Ipv4)),
        Some("ip6") => Some(Some(Family::Ipv6)),
        Some("inet") | None => Some(None),
        Some(_) => None,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The whole of it.
struct Listing<'a>(&'a [Value]);

/// One rule in it.
struct Reader<'a> {
    listing: &'a Listing<'a>,
    rule: &'a Value,
}

// === impl Listing ===

impl<'a> Listing<'a> {
    fn of(&self, kind: &'static str) -> impl Iterator<Item = &'a Value> + use<'a> {
        self.0.iter().filter_map(move |item| item.get(kind))
    }
}

// === impl Reader ===

impl Reader<'_> {
    fn read(&self, words: &[Value], rules: &mut Vec<Rule>) {
        let mut when = When::default();
        for word in words {
            if let Some(found) = word.get("match") {
                self.add_match(&mut when, found);
            } else if let Some(map) = word.get("vmap") {
                self.add_map(&when, map, rules);
            } else if let Some(xt) = word.get("xt") {
                match (text(&xt["type"]), text(&xt["name"])) {
                    (_, "comment") => {}
                    (_, "conntrack" | "state") => when.conntrack = true,
                    (_, "REJECT") => rules.push(Rule {
                        when: when.clone(),
                        verdict: Verdict::Drop,
                    }),
                    _ => when.doubt = true,
                }
            } else if !is_no_condition(word) {
                // `limit`, `ct count`, a set that counts: it is not all packets that come further.
                when.doubt = true;
            }
            if let Some(verdict) = verdict(word) {
                let when = when.clone();
                rules.push(Rule { when, verdict });
            }
        }
    }

    fn add_match(&self, when: &mut When, found: &Value) {
        let understood = self
            .elements(&found["right"])
            .and_then(|values| narrow(when, &found["left"], text(&found["op"]), &values));
        when.doubt |= understood.is_none();
    }

    /// `vmap { 22 : accept }` is a rule for each element.
    fn add_map(&self, when: &When, map: &Value, rules: &mut Vec<Rule>) {
        let Some(elements) = self.elements(&map["data"]) else {
            let (mut when, verdict) = (when.clone(), Verdict::Accept);
            when.doubt = true;
            rules.push(Rule { when, verdict });
            return;
        };
        for element in elements {
            let [value, then] = element.as_array().map(Vec::as_slice).unwrap_or_default() else {
                continue;
            };
            let mut when = when.clone();
            self.add_match(
                &mut when,
                &json!({"op": "==", "left": map["key"], "right": value}),
            );
            if let Some(verdict) = verdict(then) {
                rules.push(Rule { when, verdict });
            }
        }
    }

    /// The elements of a set, whether it has a name or not; `None` where the listing has no such set.
    fn elements<'v>(&'v self, right: &'v Value) -> Option<Vec<&'v Value>> {
        let Some(name) = right.as_str().and_then(|name| name.strip_prefix('@')) else {
            let set = right.get("set").unwrap_or(right);
            return Some(
                set.as_array()
                    .map_or_else(|| vec![right], |all| all.iter().collect()),
            );
        };
        let mut named = self.listing.of("set").chain(self.listing.of("map"));
        let set = named.find(|set| {
            ["family", "table"].iter().all(|key| set[key] == self.rule[key]) && set["name"] == name
        })?;
        Some(
            set["elem"]
                .as_array()
                .into_iter()
                .flatten()
                .map(value_of)
                .collect(),
        )
    }
}

/// It decides, or has no say in who gets further.
fn is_no_condition(word: &Value) -> bool {
    const WORDS: [&str; 11] = [
        "accept", "drop", "reject", "return", "jump", "goto", "counter", "log", "comment", "mangle",
        "notrack",
    ];
    WORDS.iter().any(|known| word.get(*known).is_some())
}

/// How a rule's word ends it.
fn verdict(word: &Value) -> Option<Verdict> {
    let target = |kind: &str| word.get(kind).map(|jump| text(&jump["target"]).to_owned());
    if word.get("accept").is_some() || word.get("queue").is_some() {
        Some(Verdict::Accept)
    } else if word.get("drop").is_some() || word.get("reject").is_some() {
        Some(Verdict::Drop)
    } else if word.get("return").is_some() {
        Some(Verdict::Return)
    } else {
        let jump = target("jump").map(|name| Verdict::Jump(name, true));
        jump.or_else(|| target("goto").map(|name| Verdict::Jump(name, false)))
    }
}

/// What a field must be. `None` where that is not understood.
fn narrow(when: &mut When, left: &Value, op: &str, values: &[&Value]) -> Option<()> {
    let but = op == "!=";
    if let Some(payload) = left.get("payload") {
        return narrow_payload(when, payload, op, values);
    }
    if !is_equal(op) {
        return None;
    }
    match (text(&left["meta"]["key"]), text(&left["ct"]["key"])) {
        ("iif" | "iifname", _) => {
            let names: Option<Vec<&str>> = values.iter().map(|name| name.as_str()).collect();
            when.only_link(Some(Link::of(names?, but)?));
        }
        ("l4proto", _) => return protocols(when, but, values),
        ("nfproto" | "protocol", _) => {
            let [one] = values else { return None };
            when.only_family(Some(family_of(text(one)).filter(|_| !but)?));
        }
        (_, "state") => {
            when.only_states(values.iter().map(|state| text(state)), but);
        }
        // Such a packet was for a published port.
        (_, "status") if !but && values.iter().all(|status| *status == "dnat") => when.old = true,
        _ => return None,
    }
    Some(())
}

/// The same for a field of the packet itself.
fn narrow_payload(when: &mut When, payload: &Value, op: &str, values: &[&Value]) -> Option<()> {
    let but = op == "!=";
    match (text(&payload["protocol"]), text(&payload["field"])) {
        (protocol, "dport") => {
            if protocol != "th" {
                when.only_protocols(Protocol::parse(protocol).as_slice());
            }
            when.only_ports(&ports(op, values)?);
        }
        ("icmp" | "icmpv6", _) => when.only_protocols(&[]),
        (version, "protocol" | "nexthdr") if is_equal(op) => {
            when.only_family(family_of(version));
            return protocols(when, but, values);
        }
        (version, field @ ("saddr" | "daddr")) if op == "==" => {
            when.only_family(family_of(version));
            let nets: Option<Vec<_>> = values.iter().map(|value| net_of(value)).collect();
            if field == "daddr" {
                when.only_to(Some(nets?));
            } else {
                when.only_from(&nets?);
            }
        }
        _ => return None,
    }
    Some(())
}

/// A field is one of the values, or none of them.
fn is_equal(op: &str) -> bool {
    matches!(op, "==" | "in" | "!=")
}

fn family_of(name: &str) -> Option<Family> {
    match name {
        "ip" | "ipv4" => Some(Family::Ipv4),
        "ip6" | "ipv6" => Some(Family::Ipv6),
        _ => None,
    }
}

fn protocols(when: &mut When, but: bool, values: &[&Value]) -> Option<()> {
    let names: Option<Vec<&str>> = values.iter().map(|name| name.as_str()).collect();
    let named: Vec<Protocol> = names?.into_iter().filter_map(Protocol::parse).collect();
    if but {
        when.only_protocols(&other_protocols(&named));
    } else {
        when.only_protocols(&named);
    }
    Some(())
}

fn ports(op: &str, values: &[&Value]) -> Option<Vec<PortRange>> {
    let number = |value: &Value| value.as_u64().and_then(|port| u16::try_from(port).ok());
    let range = |value: &&Value| match value["range"].as_array().map(Vec::as_slice) {
        Some([first, last]) => {
            let (first, last) = number(first).zip(number(last))?;
            (first <= last).then_some(PortRange { first, last })
        }
        _ => number(value).map(PortRange::one),
    };
    let ranges: Vec<PortRange> = values.iter().map(range).collect::<Option<_>>()?;
    let below = |last: u16| PortRange { first: 0, last };
    match (op, ranges.as_slice()) {
        ("==" | "in", _) => Some(ranges),
        ("!=", _) => Some(all_but(ranges)),
        ("<=", [one]) => Some(vec![below(one.first)]),
        (">", [one]) => Some(all_but(vec![below(one.first)])),
        ("<", [one]) => Some(one.first.checked_sub(1).map(below).into_iter().collect()),
        (">=", [one]) => Some(
            one.first
                .checked_sub(1)
                .map_or_else(|| all_but(Vec::new()), |last| all_but(vec![below(last)])),
        ),
        _ => None,
    }
}

fn net_of(value: &Value) -> Option<ipnet::IpNet> {
    match (value.as_str(), &value["prefix"]) {
        (Some(address), _) => net(address),
        (None, prefix) => net(&format!("{}/{}", text(&prefix["addr"]), prefix["len"])),
    }
}

/// An element with a timer or a comment has its value inside.
fn value_of(element: &Value) -> &Value {
    element
        .get("elem")
        .and_then(|inner| inner.get("val"))
        .unwrap_or(element)
}
