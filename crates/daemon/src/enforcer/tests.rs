//! On a real kernel: nested cgroups, names that come back, and switches that somebody else moved.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cofferdam_policy::Peer;

use super::succession::successions;
use super::{Binding, Enforcer, Entry, Global, Prepared, Settings, Target, cgroup_id, set_off};

/// A subtree and a folder of pins; both go with it.
struct Ground(PathBuf, PathBuf);

impl Ground {
    fn new(name: &str) -> Self {
        let name = format!("cfe-{}-{name}", std::process::id());
        let root = cofferdam_workload::host::cgroup2_root().unwrap().join(&name);
        fs::create_dir(&root).unwrap();
        Self(root, Path::new("/sys/fs/bpf").join(name))
    }

    fn folder(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn open(&self) -> Enforcer {
        let settings = Settings {
            bpffs: self.1.clone(),
            cgroup_root: self.0.clone(),
            on_dead_closed: false,
        };
        Enforcer::open(&settings, Vec::new()).unwrap()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.1);
        for below in ["outer/inner", "outer", ""] {
            let _ = fs::remove_dir(self.0.join(below));
        }
    }
}

fn entry(number: u32) -> Entry {
    Entry {
        workload: number,
        identity: Peer(256 + number),
        subject: number,
        observe: false,
        contained: false,
        moved: false,
        on_host: false,
    }
}

fn target(bound: &[(&Path, u32)]) -> Target {
    let binding = |number| Binding {
        entry: entry(number),
        pid: None,
        born_bound: true,
    };
    Target {
        bound: bound
            .iter()
            .map(|(path, number)| (path.to_path_buf(), binding(*number)))
            .collect(),
        policy: Some(Prepared::default()),
        ..Target::default()
    }
}

fn held(enforcer: &Enforcer) -> BTreeMap<u64, u32> {
    let entries = enforcer.kernel().entries().unwrap();
    entries
        .into_iter()
        .map(|(id, entry)| (id, entry.subject))
        .collect()
}

/// Only who stays the same is followed, by the same for all who have that subject, and by nobody who is followed himself.
#[test]
fn subjects_are_followed_where_that_is_clear() {
    let numbers = |old: &[u32], new: &[u32], other: &[usize], kept: &[u32]| {
        let path = |index: usize| PathBuf::from(format!("/{index}"));
        let subject = |subject: u32| Entry { subject, ..entry(7) };
        let mut target = target(&[]);
        target.kept = kept.iter().copied().collect();
        for (index, new) in new.iter().enumerate() {
            let binding = Binding {
                entry: subject(*new),
                pid: None,
                born_bound: true,
            };
            target.bound.insert(path(index), binding);
        }
        for index in other {
            target.bound.get_mut(&path(*index)).unwrap().entry.workload = 8;
        }
        let bound = old.iter().enumerate();
        let bound = bound.map(|(index, old)| (path(index), (1, subject(*old))));
        successions(&bound.collect(), &target)
    };
    assert_eq!(numbers(&[1, 1, 2], &[3, 3, 2], &[], &[]), [(1, 3)]);
    assert_eq!(numbers(&[1, 2], &[3, 4], &[], &[]), [(1, 3), (2, 4)]);
    assert_eq!(numbers(&[1, 1], &[3, 4], &[], &[]), [], "two for one");
    assert_eq!(numbers(&[1, 1], &[3, 1], &[], &[]), [], "one stays");
    assert_eq!(numbers(&[1, 2], &[2, 3], &[], &[]), [], "a chain");
    assert_eq!(numbers(&[1, 1], &[3, 3], &[1], &[]), [], "somebody else");
    assert_eq!(numbers(&[1, 0], &[0, 3], &[], &[]), [], "strangers");
    assert_eq!(numbers(&[1], &[3], &[], &[1]), [], "kept for who is unknown");
}

#[test]
fn root_a_nested_workload_stays_itself() {
    let ground = Ground::new("nested");
    let mut enforcer = ground.open();
    let (outer, inner) = (ground.folder("outer"), ground.folder("outer/inner"));
    let inner_id = cgroup_id(&inner).unwrap();
    for bound in [
        vec![(&*outer, 1), (&*inner, 2)],
        vec![(&*outer, 3), (&*inner, 2)],
        vec![(&*inner, 2)],
    ] {
        assert_eq!(enforcer.enforce(target(&bound)), [""; 0]);
        assert_eq!(held(&enforcer).get(&inner_id), Some(&2), "{bound:?}");
    }
    enforcer.remove().unwrap();
}

#[test]
fn root_a_new_cgroup_is_not_unbound_for_the_old_one() {
    let ground = Ground::new("again");
    let mut enforcer = ground.open();
    let parent = ground.folder("outer");
    let outer = ground.folder("outer/inner");
    enforcer.enforce(target(&[(&parent, 1), (&outer, 1)]));
    fs::remove_dir(&outer).unwrap();
    // Born below `parent`, it has an entry from the kernel at once.
    let id = cgroup_id(&ground.folder("outer/inner")).unwrap();
    enforcer.enforce(target(&[(&parent, 1)]));
    assert_eq!(held(&enforcer).get(&id), Some(&1));
    enforcer.remove().unwrap();
}

#[test]
fn root_what_was_switched_past_the_daemon_is_switched_back() {
    let ground = Ground::new("switch");
    let mut enforcer = ground.open();
    let on = Global {
        host_netns: 1,
        ..Global::default()
    };
    enforcer.set_global(on).unwrap();
    set_off(&ground.1, true).unwrap();
    enforcer.set_global(on).unwrap();
    assert_eq!(enforcer.kernel().global().unwrap(), on);
    enforcer.remove().unwrap();
}

#[test]
fn root_what_is_protected_no_more_is_taken_out() {
    let ground = Ground::new("dropped");
    let outer = ground.folder("outer");
    let mut first = ground.open();
    first.enforce(target(&[(&outer, 1)]));
    drop(first);
    let mut second = ground.open();
    assert_eq!(held(&second).len(), 1);
    assert_eq!(second.forget(&BTreeSet::from([1])).unwrap(), 1);
    assert_eq!(held(&second), BTreeMap::new());
    second.remove().unwrap();
}

/// G-REFUSE-LATER: wherever a protected workload may listen, once a namespace.
#[test]
fn root_the_denied_are_refused_where_workloads_are() {
    let ground = Ground::new("refuse");
    let mut enforcer = ground.open();
    let outer = ground.folder("outer");
    let mut links = Vec::new();
    for pid in [None, Some(std::process::id())] {
        let mut target = target(&[(&*outer, 1)]);
        target.bound.values_mut().for_each(|b| b.pid = pid);
        assert_eq!(enforcer.enforce(target), [""; 0]);
        let names = walk(&ground.1);
        links.push(names.iter().filter(|n| n.ends_with("-on_lookup")).count());
    }
    assert_eq!(links, [0, 1]);
    enforcer.remove().unwrap();
}

/// Names of all files below.
fn walk(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().flatten();
    entries
        .flat_map(|entry| match entry.file_type().unwrap().is_dir() {
            true => walk(&entry.path()),
            false => vec![entry.file_name().to_string_lossy().into_owned()],
        })
        .collect()
}
