//! The fixtures are what `docker inspect` (20.10) printed for containers made for the purpose.

use super::*;

fn fixture<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap()
}

fn image() -> Labels {
    image_labels(&fixture(include_str!("../../../tests/fixtures/image.json")))
}

fn decode(text: &str) -> Decoded {
    container(&fixture(text), &image()).unwrap()
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn ports(container: &Container) -> Vec<String> {
    container.published.iter().map(ToString::to_string).collect()
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn host_mode_before_its_start() {
    let Decoded {
        container,
        resolv_conf,
    } = decode(include_str!("../../../tests/fixtures/host.json"));
    assert_eq!(container.name, "fx-host");
    assert_eq!(container.image, "tiny:1");
    assert_eq!(container.network_mode, NetworkMode::Host);
    assert!(container.host_network);
    assert_eq!(container.labels, labels(&[("app", "nginx")]));
    assert_eq!(container.namespace, "shop");
    assert_eq!(ports(&container), ["8080:80/tcp", "127.0.0.1:5000:5000/tcp"]);
    assert_eq!(container.state, ContainerState::Created);
    assert_eq!((container.pid, container.cgroup), (None, None));
    assert_eq!(resolv_conf, ResolvConf::Hosts);
}

#[test]
fn ports_of_every_form_while_it_runs() {
    let Decoded {
        container,
        resolv_conf,
    } = decode(include_str!("../../../tests/fixtures/ports.json"));
    let want = [
        "0.0.0.0:7000:7000/tcp",
        "0.0.0.0:7001:7001/tcp",
        "0.0.0.0:7002:7002/tcp",
        "127.0.0.2:32769:7200/tcp",
        "32768:7300/tcp",
        "[::1]:7100:7100/udp",
    ];
    assert_eq!(ports(&container), want);
    assert_eq!(
        container.labels,
        labels(&[("traefik.enable", "true"), ("vendor", "creator")])
    );
    assert_eq!(container.namespace, "default");
    assert_eq!(container.network_mode, NetworkMode::Bridge);
    assert_eq!(container.addresses, ips(&["172.17.0.3"]));
    assert_eq!(container.state, ContainerState::Running);
    assert!(container.is_alive());
    let ResolvConf::Own(path) = resolv_conf else {
        panic!("{resolv_conf:?}")
    };
    assert!(path.ends_with("resolv.conf"));
    let open_to_host_only: Vec<_> = container
        .published
        .iter()
        .filter(|port| port.is_loopback_only())
        .collect();
    assert_eq!(open_to_host_only.len(), 2);
}

#[test]
fn publish_all_and_a_range_show_what_docker_chose() {
    let all = decode(include_str!("../../../tests/fixtures/publish-all.json")).container;
    assert_eq!(
        ports(&all),
        ["0.0.0.0:32770:80/tcp", "[::]:32769:80/tcp", "32768:9000/udp"]
    );
    let range = decode(include_str!("../../../tests/fixtures/range.json")).container;
    assert_eq!(ports(&range), ["7400:80/tcp"]);
}

#[test]
fn a_user_defined_network_brings_dockers_dns_before_the_start() {
    let created = decode(include_str!("../../../tests/fixtures/created.json"));
    assert_eq!(created.container.network_mode, NetworkMode::Network("un".into()));
    assert_eq!(created.container.resolvers, ips(&["127.0.0.11", "9.9.9.9"]));
    assert_eq!(created.resolv_conf, ResolvConf::Known);
    assert_eq!(created.container.cgroup_parent, Some("batch".into()));
    assert_eq!(ports(&created.container), ["90/tcp"]);
    let running = decode(include_str!("../../../tests/fixtures/user.json")).container;
    assert!(running.has_docker_dns());
    assert_eq!(running.addresses, ips(&["172.18.0.3", "172.20.0.3", "fd00:6::3"]));
}

#[test]
fn a_joined_container_names_its_owner() {
    let joined = decode(include_str!("../../../tests/fixtures/joined.json")).container;
    let owner = decode(include_str!("../../../tests/fixtures/user.json")).container;
    assert_eq!(joined.network_mode, NetworkMode::Container(owner.id.to_string()));
    assert!(joined.addresses.is_empty() && joined.published.is_empty());
}

#[test]
fn the_subnets_of_all_networks_are_read() {
    let networks: Vec<bollard::models::Network> =
        fixture(include_str!("../../../tests/fixtures/networks.json"));
    let mut found: Vec<_> = networks
        .iter()
        .flat_map(|net| subnets(net.ipam.as_ref()))
        .collect();
    found.sort_unstable();
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    let want = [
        "10.0.1.0/24",
        "10.99.0.0/24",
        "172.17.0.0/16",
        "172.18.0.0/16",
        "172.19.0.0/16",
        "172.20.0.0/16",
        "fd00:6::/64",
    ];
    assert_eq!(found, want);
}

#[test]
fn an_answer_without_an_id_is_refused_and_an_empty_one_does_not_panic() {
    let mut answer = ContainerInspectResponse::default();
    assert!(container(&answer, &Labels::new()).is_err());
    answer.id = Some("0".repeat(64));
    let got = container(&answer, &Labels::new()).unwrap().container;
    assert_eq!(got.network_mode, NetworkMode::Bridge);
    assert_eq!(got.namespace, "default");
    assert_eq!(got.state, ContainerState::Exited);
}

/// As the engine reads the two lists.
#[test]
fn net_raw_is_there_unless_it_is_dropped() {
    let list = |text: &str| Some(text.split_whitespace().map(str::to_owned).collect());
    for (privileged, add, drop, wanted) in [
        (false, "", "", true),
        (false, "", "NET_RAW", false),
        (false, "", "CAP_NET_RAW", false),
        (false, "", "cap_net_raw", false),
        (false, "", "ALL", false),
        (false, "NET_RAW", "ALL", true),
        (false, "CAP_NET_ADMIN", "ALL", false),
        (false, "ALL", "NET_RAW", false),
        (true, "", "NET_RAW", true),
    ] {
        let host = HostConfig {
            privileged: Some(privileged),
            cap_add: list(add),
            cap_drop: list(drop),
            ..HostConfig::default()
        };
        assert_eq!(has_net_raw(&host), wanted, "+{add} -{drop} {privileged}");
    }
}
