//! Where the pods live, in one of three ways, and how a step's policy comes into force there: as the daemon does it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use cofferdam_datapath::{Entry, netns_cookie};
use cofferdam_policy::cases::Prepared;
use cofferdam_policy::{Compiled, World, check_swap, compile, plan};

use crate::pod::{Door, Order, Pod};
use crate::suite::{Played, offset};
use crate::support::Stage;
use crate::support::net::{BRIDGE, Net};

/// How pods share the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One network namespace, an address each.
    Addresses,
    /// One network namespace and 127.0.0.1, ports of their own.
    Loopback,
    /// A network namespace each.
    Namespaces,
}

/// One process of a pod.
pub(crate) struct Home {
    pub(crate) address: IpAddr,
    pub(crate) process: Pod,
    cgroup: PathBuf,
    netns: PathBuf,
}

pub(crate) struct Town {
    pub(crate) layout: Layout,
    /// Each pod of the step twice: the one that all others call, and its twin, which calls that one. Both have the pod's
    /// identity and policy, but a workload always reaches itself.
    pub(crate) homes: BTreeMap<String, [Home; 2]>,
    /// How many pods there ever were. No address is given twice: neighbours would send to who had it before.
    built: u32,
    applied: Compiled,
    /// Subjects of the policy in force are numbered from here on: as in the daemon, no number is given twice.
    subjects: u32,
    stage: Stage,
    // Last, so that the namespaces go after everything that is in them.
    net: Net,
}

/// More than there are pods: twins, and what is in force next, are numbered so much higher.
const NUMBERS: u32 = 100;

// === impl Town ===

impl Town {
    pub(crate) fn new(layout: Layout) -> Self {
        let net = Net::new();
        let mut stage = Stage::inside(&net.path("host"));
        let host = File::open(net.path("host")).unwrap();
        stage.datapath().refuse_in(&host).unwrap();
        Self {
            layout,
            homes: BTreeMap::new(),
            built: 0,
            applied: Compiled::default(),
            subjects: 0,
            stage,
            net,
        }
    }

    /// Puts a step's policy into force: the new rows come, then whom they are for, then the old rows go.
    pub(crate) fn enforce(&mut self, played: &Played, prepared: &Prepared<'_>) {
        let new_homes = self.settle(&played.pods);
        self.subjects += NUMBERS;
        let mut world = prepared.world.clone();
        for subject in &mut world.subjects {
            subject.number += self.subjects;
        }
        let new = compile(&world).unwrap();
        let plan = plan(&self.applied, &new);
        check_swap(&self.applied, &new, &plan).unwrap();
        let datapath = self.stage.datapath.as_mut().unwrap();
        datapath.apply(&plan.install).unwrap();
        self.bind(&played.pods, &world);
        let datapath = self.stage.datapath();
        datapath.apply(&plan.retire).unwrap();
        let held = datapath.compiled().unwrap();
        assert_eq!(held.rows, new.rows, "{}: read back", played.title);
        self.applied = new;
        for place in new_homes {
            self.serve(&played.pods[place], place);
        }
    }

    fn bind(&mut self, pods: &[String], world: &World) {
        let datapath = self.stage.datapath.as_mut().unwrap();
        let mut owners = Vec::new();
        for (number, (name, subject)) in (1..).zip(pods.iter().zip(&world.subjects)) {
            for (twin, home) in (0..).zip(&self.homes[name]) {
                let entry = Entry {
                    workload: number + twin * NUMBERS,
                    identity: subject.identity,
                    subject: subject.number,
                    observe: false,
                    contained: false,
                    moved: false,
                    on_host: false,
                };
                datapath.bind(&home.cgroup, &entry).unwrap();
                owners.push((cookie(&home.netns), entry));
            }
        }
        if self.layout == Layout::Namespaces {
            datapath.set_namespace_owners(&owners).unwrap();
        }
    }

    /// Those who are not among the pods leave, and who is new moves in; which ones these are.
    fn settle(&mut self, pods: &[String]) -> Vec<usize> {
        let known: Vec<String> = self.homes.keys().cloned().collect();
        for name in known.iter().filter(|name| !pods.contains(name)) {
            for home in self.homes.remove(name).into_iter().flatten() {
                drop(home.process);
                self.stage.datapath().unbind(&home.cgroup).unwrap();
                fs::remove_dir(&home.cgroup).unwrap();
                if self.layout == Layout::Namespaces {
                    self.net.remove_container(&home.netns);
                }
            }
        }
        let known: Vec<&String> = self.homes.keys().collect();
        let is_new = |place: &usize| !known.contains(&&pods[*place]);
        let new: Vec<usize> = (0..pods.len()).filter(is_new).collect();
        for place in &new {
            self.move_in(&pods[*place]);
        }
        new
    }

    fn move_in(&mut self, name: &str) {
        self.built += 1;
        let number = self.built;
        let folder = name.replace('/', "-");
        let pod = self.home(&folder, number);
        let twin = self.home(&format!("{folder}-twin"), number + NUMBERS);
        self.homes.insert(name.to_owned(), [pod, twin]);
        self.tell_addresses();
    }

    /// Only now, since a container does not run before it is bound.
    fn serve(&mut self, name: &str, place: usize) {
        let home = &mut self.homes.get_mut(name).unwrap()[0];
        let ports = [80, 81].map(|port| match self.layout {
            Layout::Loopback => port + offset(place),
            _ => port,
        });
        let door = |udp| {
            ports.map(|port| Door {
                udp,
                at: (home.address, u16::try_from(port).unwrap()).into(),
            })
        };
        let doors = [door(false), door(true)].concat();
        home.process.order(&Order::Serve(name.to_owned(), doors));
        assert!(home.process.reply().is_empty());
    }

    fn home(&mut self, folder: &str, number: u32) -> Home {
        let (netns, address) = self.place(number);
        let cgroup = self.stage.folder(folder);
        Home {
            address,
            process: Pod::start(&netns, &cgroup),
            cgroup,
            netns,
        }
    }

    /// A namespace, and an address in it that the suite's policies mean when they name the network or a part of it.
    fn place(&mut self, number: u32) -> (PathBuf, IpAddr) {
        let host = self.net.path("host");
        let (netns, link, own) = match self.layout {
            Layout::Loopback => return (host, Ipv4Addr::LOCALHOST.into()),
            // A twin calls from the address of its pod.
            Layout::Addresses => (host, "br0", number % NUMBERS),
            Layout::Namespaces => (self.net.add_container(None).0, "eth0", number),
        };
        let address = Ipv4Addr::new(192, 168, 242, u8::try_from(own).unwrap());
        self.net.add_address(&netns, link, &format!("{address}/24"));
        if self.layout == Layout::Namespaces {
            let file = File::open(&netns).unwrap();
            self.stage.datapath().refuse_in(&file).unwrap();
        }
        (netns, address.into())
    }

    fn tell_addresses(&mut self) {
        let host = cookie(&self.net.path("host"));
        let bridge = BRIDGE.iter().map(|address| (address.parse().unwrap(), host));
        let homes = self.homes.values().flatten();
        let own = homes.map(|home| (home.address, cookie(&home.netns)));
        let all: Vec<(IpAddr, u64)> = bridge
            .chain(own)
            .filter(|(address, _)| !address.is_loopback())
            .collect();
        self.stage.datapath().set_namespace_addresses(&all).unwrap();
    }
}

fn cookie(netns: &Path) -> u64 {
    netns_cookie(&File::open(netns).unwrap()).unwrap()
}
