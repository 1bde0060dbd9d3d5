//! G-DOCKER: what Docker does to a container's life and network changes nothing about its policy.
#![allow(clippy::expect_used, reason = "functions of a test")]

use cofferdam_tests::lab::control_group::v2_mount;
use cofferdam_tests::modes;
use cofferdam_tests::probe::{Attempts, Kind};
use cofferdam_tests::walkthrough::scene::eventually;

mod stage;

use stage::Stage;

fn docker(stage: &Stage, line: &str) -> String {
    let args: Vec<&str> = line.split_whitespace().collect();
    stage.lab.engine.docker(&args).expect(line)
}

fn answered(attempts: &Attempts) -> bool {
    attempts.attempts.iter().all(|a| a.answer.is_some())
}

/// stop, start, restart, pause: a new cgroup each time, the same policy from its first instruction.
#[test]
fn root_a_restarted_container_keeps_its_policy() {
    let stage = Stage::new();
    stage.serve("web", &["-l", "app=web", "--net=host"], "tcp", "127.0.0.1:7801");
    for step in [
        "restart -t 0 web",
        "stop -t 0 web && start web",
        "kill web && start web",
        "pause web && unpause web",
    ] {
        for command in step.split(" && ") {
            docker(&stage, command);
        }
        eventually(step, || {
            Ok(answered(&stage.run_tries(
                "app=web",
                Kind::Tcp,
                "127.0.0.1:7801",
                1,
            )))
        })
        .expect(step);
        let host = stage.host_tries(Kind::Tcp, "127.0.0.1:7801", 2);
        assert!(host.all_refused(), "after {step}: {host:?}");
    }
}

/// Docker's own DNS, by which compose services find each other, works for protected containers.
#[test]
fn root_point_14_docker_dns_works_on_networks() {
    let stage = Stage::new();
    docker(&stage, "network create shop");
    stage.serve("db", &["-l", "app=shop", "--network", "shop"], "tcp", "[::]:7802");
    docker(&stage, "run -dit --name web --network shop -l app=shop curl");
    docker(&stage, "run -dit --name other --network shop -l app=other curl");
    let find = |from: &str| docker(&stage, &format!("exec {from} nslookup db 127.0.0.11"));
    let address = stage.address("db", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
    for from in ["web", "other"] {
        assert!(find(from).contains(&address), "{from} resolves db");
    }
    let target = format!("{address}:7802");
    assert!(answered(&stage.container_tries("web", Kind::Tcp, &target, 1)));
    let other = stage.container_tries("other", Kind::Tcp, &target, 2);
    assert!(other.all_refused(), "{other:?}");
}

/// Two compose projects that both say `app=web` are strangers.
#[test]
fn root_compose_projects_are_namespaces() {
    let stage = Stage::new();
    let project = |name: &str| format!("com.docker.compose.project={name}");
    let (one, two) = (project("one"), project("two"));
    stage.serve(
        "one",
        &["-l", "app=web", "-l", &one, "--net=host"],
        "tcp",
        "127.0.0.1:7803",
    );
    docker(
        &stage,
        &format!("run -dit --name peer -l app=web -l {one} --net=host curl"),
    );
    docker(
        &stage,
        &format!("run -dit --name stranger -l app=web -l {two} --net=host curl"),
    );
    assert!(answered(&stage.container_tries(
        "peer",
        Kind::Tcp,
        "127.0.0.1:7803",
        1
    )));
    let stranger = stage.container_tries("stranger", Kind::Tcp, "127.0.0.1:7803", 2);
    assert!(stranger.all_refused(), "{stranger:?}");
    let default = stage.run_tries("app=web", Kind::Tcp, "127.0.0.1:7803", 2);
    assert!(default.all_refused(), "{default:?}");
}

/// Labels that the image brings say nothing about who the container is.
#[test]
fn root_labels_of_the_image_do_not_count() {
    let stage = Stage::new();
    docker(&stage, "run -d --name base curl sleep 60");
    stage
        .lab
        .engine
        .docker(&["commit", "-c", "LABEL app=web", "base", "labelled"])
        .expect("docker commit");
    docker(
        &stage,
        "run -d --name image --net=host labelled cofferdam-probe serve image tcp 127.0.0.1:7804",
    );
    eventually("it listens", || {
        Ok(answered(&stage.host_tries(Kind::Tcp, "127.0.0.1:7804", 1)))
    })
    .expect("open");
    assert_eq!(stage.scene_workload("image")["protected"], false);
}

/// Every mode in which Docker routes a packet, each to each, IPv4 and IPv6: same labels reach each other, others do not, and
/// what has no labels does not.
#[test]
fn root_network_modes_do_not_matter() {
    let stage = Stage::new();
    let pairs = modes::run(&stage.lab).expect("a run");
    for pair in &pairs {
        println!("{pair}");
    }
    let wrong: Vec<String> = pairs.iter().filter_map(modes::Pair::wrong).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let routes = |from: &str, to: &str, family: char| {
        let mut all = pairs.iter().filter(|pair| pair.from == from && pair.to == to);
        all.any(|pair| pair.routed && pair.address.contains('[') == (family == '6'))
    };
    for mode in ["bridge", "user", "user-v6", "internal", "macvlan", "overlay"] {
        assert!(routes(mode, mode, '4'), "Docker routes {mode} to itself");
    }
    for (from, to) in [
        ("user-v6", "user-v6"),
        ("host", "user-v6"),
        ("user-v6", "host"),
        ("bridge", "bridge"),
    ] {
        assert!(routes(from, to, '6'), "Docker routes IPv6 from {from} to {to}");
    }
    for (from, to) in [
        ("container", "user"),
        ("user", "container"),
        ("process", "overlay"),
        ("overlay", "host"),
    ] {
        assert!(routes(from, to, '4'), "Docker routes {from} to {to}");
    }
}

/// A cgroup below the container's, as systemd or a nested engine in it would make, does not escape.
#[test]
fn root_nested_cgroups_inherit() {
    let stage = Stage::new();
    stage.serve(
        "target",
        &["-l", "app=target", "--net=host"],
        "tcp",
        "127.0.0.1:7807",
    );
    docker(&stage, "run -dit --name outer -l app=outer --net=host curl");
    let pid = stage.lab.engine.pid("outer").expect("a pid");
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("its cgroup");
    let path = text
        .lines()
        .find_map(|l| l.strip_prefix("0::/"))
        .expect("v2")
        .to_string();
    let nested = v2_mount().expect("cgroup2").join(path).join("a").join("b");
    std::fs::create_dir_all(&nested).expect("nested cgroups");
    let inside = stage.lab.host.in_cgroup(&nested);
    let attempts =
        cofferdam_tests::probe::attempt(&inside, Kind::Tcp, "127.0.0.1:7807", 2).expect("an attempt");
    assert!(attempts.all_refused(), "{attempts:?}");
}
