//! The engine on a real kernel, in a subtree of its own and without Docker: what survives a lost state file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use cofferdam_policy::{DefaultProfile, Mode};
use cofferdam_workload::{Change, Container};

use super::{Engine, Ground};
use crate::Options;
use crate::config::Config;
use crate::enforcer::{Enforcer, Entry, Settings, cgroup_id, own_netns};
use crate::resolve::HostFacts;
use crate::resolve::tests::{container, id};
use crate::state::{Run, State};

/// A subtree, a folder of pins and a folder for the state.
struct Host {
    root: PathBuf,
    bpffs: PathBuf,
    state: tempfile::TempDir,
}

impl Host {
    fn new(name: &str) -> Self {
        let name = format!("cfg-{}-{name}", std::process::id());
        let root = cofferdam_workload::host::cgroup2_root().unwrap().join(&name);
        fs::create_dir_all(root.join("docker")).unwrap();
        Self {
            root,
            bpffs: Path::new("/sys/fs/bpf").join(name),
            state: tempfile::tempdir().unwrap(),
        }
    }

    fn engine(&self, config: Config) -> Engine {
        let (state, _) = State::load(self.state.path()).unwrap();
        self.engine_of(state, config)
    }

    fn engine_of(&self, state: State, mut config: Config) -> Engine {
        config.policy.folder = self.state.path().join("folder");
        let settings = Settings {
            bpffs: self.bpffs.clone(),
            cgroup_root: self.root.clone(),
            on_dead_closed: false,
        };
        let options = Options {
            bpffs: self.bpffs.clone(),
            cgroup_root: Some(self.root.clone()),
            state_dir: self.state.path().to_owned(),
            docker_cgroup_parents: vec![self.root.join("docker")],
            ..Options::default()
        };
        let host = HostFacts {
            netns: own_netns().unwrap(),
            ..HostFacts::default()
        };
        Engine::new(Ground {
            options,
            config,
            enforcer: Enforcer::open(&settings, state.rules.clone()).unwrap(),
            state,
            cgroup2: cofferdam_workload::host::cgroup2_root().unwrap(),
            cgroup_root: self.root.clone(),
            host,
            started: Instant::now(),
        })
        .unwrap()
    }

    /// A container of which only the cgroup is real.
    fn container(&self, letter: char, name: &str, labels: &[(&str, &str)]) -> Container {
        let mut container = container(letter, name, labels);
        let cgroup = self.root.join("docker").join(id(letter).as_str());
        fs::create_dir_all(&cgroup).unwrap();
        (container.cgroup, container.pid) = (Some(cgroup), None);
        container
    }

    fn folder(&self, name: &str) -> PathBuf {
        let path = self.root.join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn lose_state(&self) {
        fs::remove_file(self.state.path().join("state.json")).unwrap();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.bpffs);
        super::runs::remove_tree(&self.root);
    }
}

mod policies;

fn resync(engine: &mut Engine, containers: &[Container]) {
    let (_sender, mut more) = tokio::sync::mpsc::channel(1);
    let change = Change::Resync {
        containers: containers.to_vec(),
        subnets: Vec::new(),
    };
    engine.absorb_all(change, &mut more);
}

fn entry_of(engine: &Engine, cgroup: &Path) -> Option<Entry> {
    let id = cgroup_id(cgroup).unwrap();
    let entries: BTreeMap<u64, Entry> = engine.enforcer.kernel().entries().unwrap().into_iter().collect();
    entries.get(&id).copied().filter(|entry| entry.subject != 0)
}

/// Whether the kernel has rows for what is in that cgroup.
fn has_rows(engine: &Engine, cgroup: &Path) -> bool {
    let subject = entry_of(engine, cgroup).unwrap().subject;
    let held = engine.enforcer.kernel().compiled().unwrap();
    held.rows.keys().any(|row| row.subject == subject)
}

fn labelled(engine: &mut Engine, name: &str, cgroup: PathBuf) {
    let run = Run {
        name: name.to_owned(),
        namespace: "default".to_owned(),
        labels: [("app".to_owned(), name.to_owned())].into(),
        cgroup,
        pid: std::process::id(),
        host_network: true,
    };
    engine.state.runs.insert(format!("run:{name}-1"), run);
    engine.reconcile();
}

#[test]
fn root_a_first_start_observes_what_is_here() {
    let host = Host::new("first");
    let web = host.container('a', "web", &[("app", "web")]);
    let mut engine = host.engine(Config::default());
    resync(&mut engine, std::slice::from_ref(&web));
    assert!(entry_of(&engine, web.cgroup.as_deref().unwrap()).unwrap().observe);
    engine.remove().unwrap();
}

#[test]
fn root_a_lost_state_takes_no_enforcement_away() {
    let host = Host::new("lost");
    let (web, db) = (
        host.container('a', "web", &[("app", "web")]),
        host.container('b', "db", &[("app", "db")]),
    );
    let plain = host.container('c', "plain", &[]);
    let at = |container: &Container| container.cgroup.clone().unwrap();
    let mut engine = host.engine(Config::default());
    resync(&mut engine, &[]);
    let choices = &mut engine.state.choices;
    choices
        .modes
        .insert(crate::resolve::container_key(&db.id), Mode::Observe);
    choices.protected.insert("plain".to_owned(), BTreeMap::new());
    let all = [web.clone(), db.clone(), plain.clone()];
    resync(&mut engine, &all);
    let run = host.folder("cofferdam/job-1");
    labelled(&mut engine, "web", run.clone());
    let (old_web, old_run) = (
        entry_of(&engine, &at(&web)).unwrap(),
        entry_of(&engine, &run).unwrap(),
    );
    assert!(!old_web.observe && old_web.identity == old_run.identity);
    drop(engine);
    host.lose_state();

    let mut engine = host.engine(Config::default());
    for cgroup in [at(&web), at(&db), at(&plain), run.clone()] {
        assert!(
            has_rows(&engine, &cgroup),
            "{} before Docker speaks",
            cgroup.display()
        );
    }
    let old_db = entry_of(&engine, &at(&db)).unwrap().subject;
    resync(&mut engine, &all);
    let web_now = entry_of(&engine, &at(&web)).unwrap();
    assert_eq!((web_now.observe, web_now.identity), (false, old_web.identity));
    assert!(
        entry_of(&engine, &at(&db)).unwrap().observe,
        "as the kernel had it"
    );
    assert!(
        !entry_of(&engine, &at(&plain)).unwrap().observe,
        "it stays protected"
    );
    assert_eq!(entry_of(&engine, &run), Some(old_run), "nobody names it again");
    for cgroup in [at(&web), at(&db), at(&plain), run.clone()] {
        assert!(has_rows(&engine, &cgroup), "{}", cgroup.display());
    }
    let held = engine.enforcer.kernel().compiled().unwrap();
    assert!(
        held.rows.keys().all(|row| row.subject != old_db),
        "rows that nobody needs go"
    );

    // Later starts know it as little as this one.
    drop(engine);
    let mut engine = host.engine(Config::default());
    resync(&mut engine, &all);
    assert!(has_rows(&engine, &run));
    beat(&mut engine);
    assert!(!run.exists(), "it is empty");
    drop(engine);

    // `stop --open` takes such a folder with it.
    let mut engine = host.engine(Config::default());
    let run = host.folder("cofferdam/job-2");
    labelled(&mut engine, "web", run.clone());
    drop(engine);
    host.lose_state();
    host.engine(Config::default()).remove().unwrap();
    assert!(!run.exists());
}

#[test]
fn root_what_does_not_compile_is_bound_all_the_same() {
    let host = Host::new("compile");
    let mut state = State::default();
    // An identity out of range, as a damaged file may hold: nothing compiles with it.
    state.numbers = serde_json::from_value(serde_json::json!({
        "workloads": {}, "subjects": [], "last_workload": 0, "last_identity": 400, "last_subject": 0,
        "identities": [{"number": 3, "namespace": "default", "identity_labels": {"app": "web"}, "labels": {"app": "web"}}],
    }))
    .unwrap();
    state.choices.adopted = Some(Default::default());
    let config = Config {
        default: DefaultProfile::Strict,
        ..Config::default()
    };
    let mut engine = host.engine_of(state, config);
    let web = host.container('a', "web", &[("app", "web")]);
    resync(&mut engine, std::slice::from_ref(&web));
    assert!(
        engine
            .complaints
            .iter()
            .any(|line| line.contains("cannot be compiled")),
        "{:?}",
        engine.complaints
    );
    let entry = entry_of(&engine, web.cgroup.as_deref().unwrap());
    assert!(entry.is_some_and(|entry| !entry.observe), "{entry:?}");
    assert_eq!(engine.resolved.placements.len(), 1);
    engine.remove().unwrap();
}

#[test]
fn root_a_slow_disk_stops_no_heartbeat_and_no_promise_is_early() {
    let host = Host::new("slow");
    let mut engine = host.engine(Config::default());
    let web = host.container('a', "web", &[("app", "web")]);
    resync(&mut engine, std::slice::from_ref(&web));
    engine.finish_saving();
    // A pipe that nobody reads: whoever opens it to write waits.
    let beside = host.state.path().join(".state.json.new");
    nix::unistd::mkfifo(&beside, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let ask = |engine: &mut Engine| {
        let (reply, answer) = tokio::sync::oneshot::channel();
        engine.answer(crate::command::Command::Off(true, reply));
        answer
    };
    let started = Instant::now();
    let mut first = ask(&mut engine);
    for _ in 0..3 {
        engine.dirty = true;
        beat(&mut engine);
    }
    assert!(started.elapsed().as_millis() < 1000, "{:?}", started.elapsed());
    assert!(engine.beaten > started);
    first.try_recv().unwrap_err();
    // Read at last, but a pipe takes no fsync.
    fs::read(&beside).unwrap();
    while first.is_empty() {
        engine.hear_saver();
        std::thread::yield_now();
    }
    let problem = first.try_recv().unwrap().unwrap_err();
    assert!(
        problem.message.contains("would not survive a restart"),
        "{problem:?}"
    );
    fs::remove_file(&beside).unwrap();
    let mut second = ask(&mut engine);
    engine.finish_saving();
    second.try_recv().unwrap().unwrap();
    assert!(State::load(host.state.path()).unwrap().0.choices.off);
    engine.remove().unwrap();
}

#[tokio::test]
async fn root_a_unit_that_starts_again_is_bound_before_the_next_beat() {
    let host = Host::new("unit");
    let (slice, unit) = (
        host.root.join("system.slice"),
        host.root.join("system.slice/web.service"),
    );
    let config = Config {
        unit: vec![crate::config::Unit {
            unit: None,
            cgroup: Some(unit.clone()),
            labels: [("app".to_owned(), "web".to_owned())].into(),
            namespace: "default".to_owned(),
            ..Default::default()
        }],
        ..Config::default()
    };
    let mut engine = host.engine(config);
    let (_docker, docker) = tokio::sync::mpsc::channel(1);
    let (_commands, commands) = tokio::sync::mpsc::channel(1);
    let (_host, moved) = tokio::sync::mpsc::channel(1);
    let mut inbox = super::Inbox {
        docker,
        commands,
        host: moved,
    };
    // Even its slice is new; and then the name is another cgroup's.
    for _ in 0..2 {
        let (make, slice, unit) = (std::time::Duration::from_millis(200), slice.clone(), unit.clone());
        let maker = std::thread::spawn(move || {
            std::thread::sleep(make);
            let _ = fs::remove_dir(&unit);
            let _ = fs::remove_dir(&slice);
            fs::create_dir(&slice).unwrap();
            fs::create_dir(&unit).unwrap();
        });
        // The first beat is at once, the second one after a second.
        let beat = std::time::Duration::from_millis(800);
        assert!(tokio::time::timeout(beat, engine.run(&mut inbox)).await.is_err());
        maker.join().unwrap();
        assert!(entry_of(&engine, &host.root.join("system.slice/web.service")).is_some());
    }
    engine.remove().unwrap();
}

/// A beat with all that it brings.
fn beat(engine: &mut Engine) {
    engine.tick();
    while engine.chore_due.is_some() {
        engine.do_chore();
    }
}
