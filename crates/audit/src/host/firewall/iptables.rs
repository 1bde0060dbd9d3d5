//! `iptables-save` and `ip6tables-save`.

use super::Family;
use super::chains::{Chain, Hook, Rule, Verdict};
use super::when::{Link, When, all_but, net, other_protocols};
use crate::model::{PortRange, Protocol};

/// Tables that are read; that of NAT may have tens of thousands of chains.
const TABLES: [&str; 2] = ["filter", "raw"];

/// All chains of these tables.
pub(super) fn chains(text: &str, family: Family) -> Vec<Chain> {
    let mut chains: Vec<Chain> = Vec::new();
    let mut table = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name.trim();
        }
        if !TABLES.contains(&table) {
            continue;
        }
        if let Some(head) = line.strip_prefix(':') {
            let mut words = head.split_whitespace();
            let name = words.next().unwrap_or_default();
            chain(&mut chains, family, table, name).drops = words.next() == Some("DROP");
        } else if let Some(rest) = line.strip_prefix("-A ") {
            let words = words(rest);
            if let Some((name, rest)) = words.split_first() {
                chain(&mut chains, family, table, name).rules.extend(rule(rest));
            }
        }
    }
    chains
}

/// The chain of this name; a rule may come without its chain's head.
fn chain<'c>(chains: &'c mut Vec<Chain>, family: Family, table: &str, name: &str) -> &'c mut Chain {
    let known = chains
        .iter()
        .rposition(|chain| chain.name == name && chain.table == table);
    let at = known.unwrap_or_else(|| {
        chains.push(Chain {
            family: Some(family),
            table: table.to_owned(),
            name: name.to_owned(),
            hook: match (table, name) {
                ("filter", "INPUT") => Some(Hook::Input),
                ("raw", "PREROUTING") => Some(Hook::Raw),
                _ => None,
            },
            drops: false,
            rules: Vec::new(),
        });
        chains.len() - 1
    });
    &mut chains[at]
}

/// Words, and what stands in quotes as one: a comment may say anything.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => quoted = !quoted,
            '\\' if quoted => word.extend(letters.next()),
            letter if letter.is_whitespace() && !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            letter => word.push(letter),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// `None` where it decides nothing, such as `-j LOG`.
fn rule(words: &[String]) -> Option<Rule> {
    let mut when = When::default();
    let mut words = words.iter().map(String::as_str);
    let mut but = false;
    while let Some(word) = words.next() {
        if word == "!" {
            but = true;
            continue;
        }
        if matches!(word, "-j" | "-g") {
            let verdict = verdict(words.next()?, word == "-j")?;
            when.doubt |= verdict.1;
            return Some(Rule {
                when,
                verdict: verdict.0,
            });
        }
        // The value of a flag that is not known comes as one more flag that is not known.
        condition(&mut when, word, but, &mut words);
        but = false;
    }
    None
}

/// The flag says that more than this line decides.
fn verdict(target: &str, back: bool) -> Option<(Verdict, bool)> {
    let verdict = match target {
        "ACCEPT" => Verdict::Accept,
        "DROP" | "REJECT" => Verdict::Drop,
        "RETURN" => Verdict::Return,
        "NFQUEUE" => return Some((Verdict::Accept, true)),
        "LOG" | "NFLOG" | "MARK" | "CONNMARK" | "TRACE" | "CT" | "NOTRACK" | "TCPMSS" | "SET" => return None,
        chain => Verdict::Jump(chain.to_owned(), back),
    };
    Some((verdict, false))
}

fn condition<'w>(when: &mut When, flag: &str, but: bool, words: &mut impl Iterator<Item = &'w str>) {
    const NO_CONDITION: &[&str] = &["tcp", "udp", "sctp", "multiport", "comment", "conntrack", "state"];
    let mut value = || words.next().unwrap_or_default();
    match flag {
        "-m" => when.doubt |= !NO_CONDITION.contains(&value()),
        "--comment" => _ = value(),
        "-i" => when.only_link(Link::of([value()], but)),
        "-p" => protocol(when, value(), but),
        "-s" => {
            let from = net(value()).filter(|_| !but);
            when.only_from(from.as_slice());
        }
        "-d" => when.only_to(net(value()).filter(|_| !but).map(|net| vec![net])),
        "--dport" | "--dports" => ports(when, value(), but),
        "--ctstate" | "--state" => {
            when.only_states(value().split(','), but);
        }
        _ => when.doubt = true,
    }
}

fn protocol(when: &mut When, name: &str, but: bool) {
    if name == "all" {
        return;
    }
    let one: Vec<Protocol> = Protocol::parse(name).into_iter().collect();
    if but {
        when.only_protocols(&other_protocols(&one));
    } else {
        when.only_protocols(&one);
    }
}

fn ports(when: &mut When, text: &str, but: bool) {
    let ranges: Option<Vec<PortRange>> = text
        .split(',')
        .map(|port| PortRange::parse(&port.replace(':', "-")))
        .collect();
    match ranges {
        Some(ranges) if but => when.only_ports(&all_but(ranges)),
        Some(ranges) => when.only_ports(&ranges),
        None => when.doubt = true,
    }
}
