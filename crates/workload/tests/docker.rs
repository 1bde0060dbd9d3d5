//! The watch against a real Docker Engine, and the host's facts in a namespace of the test's own. Needs root, dockerd, the
//! docker client and busybox; fails without them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a step that fails fails the test"
)]

mod engine;

use std::net::IpAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use cofferdam_workload::{Change, Container, ContainerState, NetworkMode, host, sockets};
use engine::{Engine, need_root};
use nix::sched::{CloneFlags, unshare};
use tokio::sync::mpsc;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

const CREATE: &str = "create --name one -p 127.0.0.1:8080:80 --dns 192.0.2.53 --label app=web \
                      --label com.docker.compose.project=shop tiny:1 busybox httpd -f -p 80";

#[tokio::test(flavor = "multi_thread")]
async fn root_a_container_is_followed_from_create_to_removal() {
    let engine = Engine::with_image();
    let mut changes = engine.watch();
    let (containers, subnets) = changes.resync().await;
    assert!(containers.is_empty());
    assert_eq!(subnets, ["172.17.0.0/16"]);

    engine.docker(&CREATE.split_whitespace().collect::<Vec<_>>());
    let created = changes.upsert("one", |_| true).await;
    assert_eq!(created.labels, [("app".to_owned(), "web".to_owned())].into());
    assert_eq!((&*created.namespace, &*created.image), ("shop", "tiny:1"));
    assert_eq!(created.published[0].to_string(), "127.0.0.1:8080:80/tcp");
    assert_eq!(created.resolvers, [ip("192.0.2.53")]);
    assert_eq!(
        (created.state, created.pid, created.cgroup),
        (ContainerState::Created, None, None)
    );

    engine.docker(&["start", "one"]);
    let running = changes.upsert("one", |one| one.cgroup.is_some()).await;
    check_running(&engine, &running).await;

    engine.docker(&["rename", "one", "two"]);
    changes.upsert("two", |_| true).await;
    engine.docker(&["pause", "two"]);
    changes
        .upsert("two", |two| two.state == ContainerState::Paused && two.is_alive())
        .await;
    engine.docker(&["unpause", "two"]);
    engine.docker(&["kill", "two"]);
    let dead = changes
        .upsert("two", |two| two.state == ContainerState::Exited)
        .await;
    assert_eq!((dead.pid, dead.cgroup, dead.addresses), (None, None, Vec::new()));
    engine.docker(&["rm", "two"]);
    assert_eq!(changes.gone().await, running.id);
}

async fn check_running(engine: &Engine, running: &Container) {
    assert_eq!(running.state, ContainerState::Running);
    let parent = host::cgroup2_root().unwrap().join(engine.cgroup_parent());
    let cgroup = parent.join(running.id.as_str());
    assert_eq!(running.cgroup.as_deref(), Some(cgroup.as_path()));
    assert_eq!(running.addresses, [ip("172.17.0.2")]);
    let pid = running.pid.unwrap();
    assert!(host::namespace_file(pid).is_ok());
    assert!(!host::in_own_namespace(pid).unwrap());
    let held = async {
        while sockets::held_by(&cgroup).unwrap().is_empty() {
            tokio::task::yield_now().await
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), held).await;
    waited.expect("the listener's socket");
}

#[tokio::test(flavor = "multi_thread")]
async fn root_networks_are_told_and_joined_containers_follow_their_owner() {
    let engine = Engine::with_image();
    let mut changes = engine.watch();
    changes.resync().await;
    engine.docker(&["network", "create", "--subnet", "10.77.0.0/24", "back"]);
    let (_, subnets) = changes.resync().await;
    assert_eq!(subnets, ["10.77.0.0/24", "172.17.0.0/16"]);

    let sleep = ["tiny:1", "sleep", "1000"];
    let run = |name: &str, network: &str| {
        engine.docker(&[&["run", "-d", "--name", name, "--network", network], &sleep[..]].concat())
    };
    run("owner", "back");
    let owner = changes.upsert("owner", |one| one.cgroup.is_some()).await;
    assert_eq!(owner.network_mode, NetworkMode::Network("back".into()));
    assert!(owner.has_docker_dns());
    assert_eq!(owner.addresses, [ip("10.77.0.2")]);
    run("side", "container:owner");
    let side = changes.upsert("side", |one| one.cgroup.is_some()).await;
    assert_eq!(side.netns_owner, Some(owner.id.clone()));
    assert_eq!(
        (&side.addresses, &side.resolvers),
        (&owner.addresses, &owner.resolvers)
    );
    assert!(!side.host_network);

    engine.docker(&["network", "connect", "bridge", "owner"]);
    let both = changes.upsert("side", |side| side.addresses.len() == 2).await;
    assert_eq!(both.addresses, [ip("10.77.0.2"), ip("172.17.0.2")]);

    run("hosty", "host");
    let hosty = changes.upsert("hosty", |one| one.cgroup.is_some()).await;
    run("rider", "container:hosty");
    let rider = changes.upsert("rider", |one| one.cgroup.is_some()).await;
    assert!(hosty.host_network && rider.host_network);
    assert_eq!(rider.netns_owner, Some(hosty.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn root_docker_may_come_late_go_and_come_back() {
    let mut engine = Engine::prepare();
    let mut changes = engine.watch();
    let first = changes.next().await;
    assert!(
        matches!(&first, Change::Disconnected(text) if text.starts_with("no Docker here:")),
        "{first:?}"
    );
    engine.start();
    let Change::Connected(info) = changes.next().await else {
        panic!("not connected")
    };
    assert!(
        !info.version.is_empty() && info.api_version.starts_with("1."),
        "{info:?}"
    );
    assert_eq!(info.cgroup_parent, Some(format!("/{}", engine.cgroup_parent())));
    let parents = host::docker_cgroup_parents(&info, "/nonexistent/daemon.json".as_ref()).unwrap();
    assert_eq!(parents, [std::path::Path::new(engine.cgroup_parent())]);
    changes.resync().await;

    engine.stop();
    let lost = changes
        .first(|change| {
            if let Change::Disconnected(text) = change {
                Some(text)
            } else {
                None
            }
        })
        .await;
    assert!(lost.starts_with("lost Docker:"), "{lost}");
    engine.start();
    let back = changes.next().await;
    assert!(matches!(back, Change::Connected(_)), "{back:?}");
    changes.resync().await;
}

/// `docker run` sends `start` right after `create`; an inspection that comes later waits until the container runs.
#[tokio::test(flavor = "multi_thread")]
async fn root_a_container_is_told_before_its_cgroup_exists() {
    const RUNS: usize = 20;
    let engine = Engine::with_image();
    let mut changes = engine.watch();
    changes.resync().await;
    let parent = host::cgroup2_root().unwrap().join(engine.cgroup_parent());
    let runs = async {
        let mut late = 0;
        for number in 0..RUNS {
            let told = changes.upsert(&format!("run{number}"), |_| true).await;
            let is_late = parent.join(told.id.as_str()).exists() || told.state != ContainerState::Created;
            late += usize::from(is_late);
            assert_eq!(told.published.len(), 1, "the openings come with the first word");
        }
        late
    };
    let run_all = async {
        for number in 0..RUNS {
            let name = format!("run{number}");
            let args = [
                "run",
                "-d",
                "--rm",
                "--network",
                "host",
                "-p",
                "80:80",
                "--name",
                &name,
                "tiny:1",
                "true",
            ];
            let mut client = engine.docker_meanwhile(&args);
            while client.try_wait().unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    let (late, ()) = tokio::join!(runs, run_all);
    // The margin is for a machine so busy that this test itself is late.
    assert!(late <= 1, "{late} of {RUNS} were told too late");
}

/// A container whose start takes long holds up neither its own announcement nor the list of a daemon that starts meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn root_a_slow_start_holds_nothing_up() {
    let engine = Engine::with_image();
    let mut early = engine.watch();
    early.resync().await;
    let args = "run -d --runtime slow --name slow --label app=web -p 80:80 tiny:1 sleep 1000";
    let begun = Instant::now();
    let mut client = engine.docker_meanwhile(&args.split(' ').collect::<Vec<_>>());
    let told = early.upsert("slow", |_| true).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (containers, _) = engine.watch().resync().await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    for slow in [told, containers.into_iter().next().unwrap()] {
        assert_eq!(
            (slow.name.as_str(), slow.state),
            ("slow", ContainerState::Created)
        );
        assert_eq!((slow.labels.len(), slow.published.len()), (1, 1));
    }
    early.upsert("slow", |slow| slow.cgroup.is_some()).await;
    assert!(client.wait().unwrap().success());
}

#[tokio::test]
async fn root_addresses_are_seen_as_they_change() {
    need_root();
    // The runtime has this one thread, so the whole test moves into the new namespace.
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    assert_eq!(host::addresses().await.unwrap(), [] as [IpAddr; 0]);
    let (sender, mut changed) = mpsc::channel(1);
    tokio::spawn(host::watch_addresses(sender));
    tokio::time::sleep(Duration::from_millis(100)).await;
    for command in [
        "link set lo up",
        "link add v0 type veth peer name v1",
        "addr add 192.0.2.1/24 dev v0",
        "addr add 10.8.0.1 peer 10.8.0.2 dev v1",
        "addr add 2001:db8::1/64 dev v0 nodad",
    ] {
        assert!(
            Command::new("ip")
                .args(command.split(' '))
                .status()
                .unwrap()
                .success()
        );
    }
    tokio::time::timeout(Duration::from_secs(5), changed.recv())
        .await
        .expect("word of the change");
    let addresses = ["10.8.0.1", "127.0.0.1", "192.0.2.1", "::1", "2001:db8::1"].map(ip);
    assert_eq!(host::addresses().await.unwrap(), addresses);
    let prefixes: Vec<_> = host::link_prefixes()
        .await
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(prefixes, ["10.8.0.2/32", "192.0.2.0/24", "2001:db8::/64"]);
}
