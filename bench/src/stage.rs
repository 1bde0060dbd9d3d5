//! Everything that stays while pairs are measured: the daemon, the empty programs, the filters, and who meets where.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cofferdam_datapath::{Empty, Handshake};

use crate::figures::{self, Figure};
use crate::filters;
use crate::hooks::{Cost, Statistics};
use crate::lab::{self, Lab};
use crate::pair::{Meeting, Pair, Process, Seat};
use crate::plan::{Measure, Part, Setting};
use crate::product::{COFFERDAM, Home, Product};

/// Dropped in this order: processes before what they run in.
pub(crate) struct Stage<'a> {
    _queues: Vec<Process>,
    _empty: [Empty; 2],
    pub(crate) product: Product,
    /// Another one that records denials alone; only for records.
    quiet: Option<Product>,
    /// Another one that contains nobody; only for containment.
    plain: Option<Product>,
    /// See `beside`; only for loopback.
    pub(crate) hooks_elsewhere: Option<Figure>,
    meetings: BTreeMap<(Part, Setting), Meeting>,
    lab: &'a Lab,
}

/// The root of the daemon that records denials alone, and its namespace.
const QUIET: &str = "quiet";
/// The root of the daemon that contains nobody, and its namespace.
const PLAIN: &str = "plain";
const SERVER: &str = "server";
/// Open to whoever is on this host.
const OPEN: &[&str] = &["app=open", "cofferdam.ingress=host"];

/// Rounds of `beside`, about 20 ms each.
const BESIDE_ROUNDS: usize = 60;

// === impl Stage ===

impl<'a> Stage<'a> {
    /// Sets up what `parts` need.
    pub(crate) fn set(lab: &'a Lab, binary: &Path, parts: &[Part]) -> anyhow::Result<Self> {
        let host = lab.namespace("host")?;
        let hooks_elsewhere = parts.contains(&Part::Loopback).then(|| beside(lab, &host));
        let hooks_elsewhere = hooks_elsewhere.transpose()?.flatten();
        let namespace = |part, name| parts.contains(&part).then(|| lab.namespace(name)).transpose();
        let quiet_netns = namespace(Part::Records, QUIET)?;
        let plain_netns = namespace(Part::Contain, PLAIN)?;
        let mut meetings = BTreeMap::new();
        let mut queues = Vec::new();
        for part in parts {
            let usual = match part {
                // Before the daemon starts, which then knows the host's end for an address of this host.
                Part::Veth => across(lab, &host, "peer")?,
                _ => Meeting::loopback(&host),
            };
            for setting in part.settings() {
                let netns = match setting {
                    Setting::Unrecorded | Setting::VisitorUnrecorded => quiet_netns.as_ref(),
                    Setting::Shared => plain_netns.as_ref(),
                    _ => None,
                };
                let own = match netns {
                    Some(netns) => Some(Meeting::loopback(netns)),
                    None => apart(lab, *part, *setting, &mut queues)?,
                };
                meetings.insert((*part, *setting), own.unwrap_or_else(|| usual.clone()));
            }
        }
        let empty = [attach(lab, Setting::Empty)?, attach(lab, Setting::Constant)?];
        let product = Product::start(Home::new(lab, COFFERDAM, &host, binary)?)?;
        let quiet = "[flows]\nrecord = \"denied\"\n";
        let quiet = quiet_netns.map(|netns| another(lab, (QUIET, quiet), &netns, binary));
        let plain = plain_netns.map(|netns| another(lab, (PLAIN, ""), &netns, binary));
        Ok(Self {
            _queues: queues,
            _empty: empty,
            product,
            quiet: quiet.transpose()?,
            plain: plain.transpose()?,
            hooks_elsewhere,
            meetings,
            lab,
        })
    }

    /// New processes for every setting of a part.
    pub(crate) fn pairs(&self, part: Part) -> anyhow::Result<Vec<(Setting, Pair)>> {
        let settings = part.settings().iter();
        settings
            .map(|setting| Ok((*setting, self.pair(part, *setting)?)))
            .collect()
    }

    fn pair(&self, part: Part, setting: Setting) -> anyhow::Result<Pair> {
        let seat = |end: &str| match (setting, end) {
            (Setting::Protected, _) => Ok(self.product.seat()),
            (Setting::Unrecorded, _) => Ok(self.quiet()?.seat()),
            (Setting::Shared, _) => Ok(self.plain()?.seat()),
            (Setting::Private, _) => Ok(self.product.seat_with(&["--loopback", "bench"])),
            (Setting::Visitor, SERVER) => Ok(self.product.seat_as(OPEN)),
            (Setting::VisitorUnrecorded, SERVER) => Ok(self.quiet()?.seat_as(OPEN)),
            (Setting::Unprotected | Setting::Visitor, _) => {
                seat_in(self.lab, &format!("{COFFERDAM}/unprotected/{end}"))
            }
            (Setting::VisitorUnrecorded, _) => seat_in(self.lab, &format!("{QUIET}/unprotected/{end}")),
            _ => seat_in(self.lab, &format!("{}/{end}", setting.name())),
        };
        let name = format!("{}-{}", part.name(), setting.name());
        let meeting = self.meetings.get(&(part, setting));
        let meeting = meeting.with_context(|| format!("no place for {name}"))?;
        Pair::start(self.lab, &name, meeting, &seat(SERVER)?, &seat("client")?)
    }

    fn quiet(&self) -> anyhow::Result<&Product> {
        self.quiet
            .as_ref()
            .context("no daemon that records denials alone")
    }

    fn plain(&self) -> anyhow::Result<&Product> {
        self.plain.as_ref().context("no daemon that contains nobody")
    }

    /// What the programs of a part's settings take.
    pub(crate) fn costs(&self, part: Part) -> anyhow::Result<Vec<Cost>> {
        let statistics = Statistics::enable()?;
        let mut pairs = Vec::new();
        for (setting, root) in [
            (Setting::Empty, Setting::Empty.name()),
            (Setting::Constant, Setting::Constant.name()),
            (Setting::Protected, COFFERDAM),
            (Setting::Unprotected, COFFERDAM),
        ] {
            if !part.settings().contains(&setting) {
                continue;
            }
            pairs.push((setting, self.pair(part, setting)?, self.lab.cgroup(root)?));
        }
        let costs = statistics.costs(part, &mut pairs)?;
        pairs.into_iter().try_for_each(|(_, pair, _)| pair.stop())?;
        Ok(costs)
    }
}

fn seat_in(lab: &Lab, cgroup: &str) -> anyhow::Result<Seat> {
    Ok(Seat {
        prefix: Vec::new(),
        cgroup: Some(lab.cgroup(cgroup)?),
    })
}

/// Another daemon, with its own configuration. With a host of its own, for what a namespace's hooks do is done once.
fn another(lab: &Lab, (name, text): (&str, &str), netns: &Path, binary: &Path) -> anyhow::Result<Product> {
    let home = Home::new(lab, name, netns, binary)?;
    home.configure(text)?;
    Product::start(home)
}

/// The server in `near`, the client in a new namespace beside it.
fn across(lab: &Lab, near: &Path, far: &str) -> anyhow::Result<Meeting> {
    let far = lab.namespace(far)?;
    Ok(Meeting {
        address: lab::join(near, &far)?,
        server: near.to_owned(),
        client: far,
    })
}

/// The place of a setting that filters in netfilter, which knows no cgroup root: a namespace, or two, of its own.
fn apart(
    lab: &Lab,
    part: Part,
    setting: Setting,
    queues: &mut Vec<Process>,
) -> anyhow::Result<Option<Meeting>> {
    let rules = match setting {
        Setting::Nft10 => Some(10),
        Setting::Nft1000 => Some(1000),
        Setting::Nfqueue => None,
        _ => return Ok(None),
    };
    let name = format!("{}-{}", part.name(), setting.name());
    let near: PathBuf = lab.namespace(&name)?;
    let meeting = match part {
        Part::Veth => across(lab, &near, &format!("{name}-peer"))?,
        _ => Meeting::loopback(&near),
    };
    if let Some(count) = rules {
        filters::nft(lab, setting.name(), &near, count).context("nft")?;
    } else {
        queues.push(filters::nfqueue(lab, &meeting.server)?);
        // The SYN-ACK arrives in the client's namespace.
        if meeting.client != meeting.server {
            queues.push(filters::nfqueue(lab, &meeting.client)?);
        }
    }
    Ok(Some(meeting))
}

/// The empty programs where Cofferdam's would be: socket hooks on the root, packet hooks on both workloads.
fn attach(lab: &Lab, setting: Setting) -> anyhow::Result<Empty> {
    let root = lab.cgroup(setting.name())?;
    let (server, client) = (root.join("server"), root.join("client"));
    for directory in [&server, &client] {
        std::fs::create_dir_all(directory)?;
    }
    let handshake = match setting {
        Setting::Constant => Handshake::ConstantOption,
        _ => Handshake::Nothing,
    };
    Empty::attach(&root, &[&server, &client], handshake).context("cannot attach the empty programs")
}

/// A bare pair while programs are attached to other cgroups, over the same pair while none is. The kernel switches
/// its hooks on for the whole machine, so this is what `bare` itself already pays, whoever attaches.
fn beside(lab: &Lab, netns: &Path) -> anyhow::Result<Option<Figure>> {
    let seat = |end: &str| seat_in(lab, &format!("{}/{end}", Setting::Bare.name()));
    let meeting = Meeting::loopback(netns);
    let mut pair = Pair::start(lab, "alone", &meeting, &seat("server")?, &seat("client")?)?;
    let measure = Measure::Handshake;
    let mut ratios = Vec::new();
    for round in 0..BESIDE_ROUNDS {
        let mut times = [0.0; 2];
        for attached in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            let _programs = (attached == 1).then(|| attach(lab, Setting::Empty)).transpose()?;
            #[expect(clippy::cast_precision_loss, reason = "53 bits hold any of these exactly")]
            let time = pair.measure(measure, measure.batch())? as f64;
            times[attached] = time;
        }
        ratios.push(times[1] / times[0]);
    }
    pair.stop()?;
    let runs = ratios
        .chunks(BESIDE_ROUNDS / 6)
        .filter_map(|chunk| figures::median(chunk.to_vec()));
    Ok(Figure::of(runs.collect()))
}
