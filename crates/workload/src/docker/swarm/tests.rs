use cofferdam_policy::Labels;

use super::super::decode;
use super::*;

fn answer(json: &str) -> ContainerInspectResponse {
    serde_json::from_str(json).unwrap()
}

fn task() -> Container {
    let id = "a".repeat(64);
    let answer = ContainerInspectResponse {
        id: Some(id),
        ..Default::default()
    };
    decode::container(&answer, &Labels::new()).unwrap().container
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn only_a_container_without_a_gateway_has_an_interface_on_the_gateway_bridge() {
    let on = |networks: &str| {
        has_gateway(&answer(&format!(
            r#"{{"NetworkSettings":{{"Networks":{networks}}}}}"#
        )))
    };
    let overlay = r#""ov":{"IPAddress":"10.0.1.2","Gateway":""}"#;
    let bridge = r#""bridge":{"IPAddress":"172.17.0.2","Gateway":"172.17.0.1"}"#;
    assert!(on(&format!("{{{overlay}}}")));
    assert!(!on(&format!("{{{overlay},{bridge}}}")) && !on(&format!("{{{bridge}}}")));
    assert!(!on(r#"{"host":{"IPAddress":"","Gateway":""}}"#) && !on("{}") && !on("null"));
}

#[test]
fn the_gateway_bridge_gives_a_second_address() {
    let mut container = task();
    container.addresses = vec![ip("172.99.0.1")];
    let network = format!(
        r#"{{"Containers":{{
            "{}":{{"IPv4Address":"172.18.0.3/16","IPv6Address":""}},
            "ingress-sbox":{{"IPv4Address":"172.18.0.2/16"}}}}}}"#,
        container.id
    );
    add_gateway(&mut container, &serde_json::from_str(&network).unwrap());
    assert_eq!(container.addresses, [ip("172.18.0.3"), ip("172.99.0.1")]);
    add_gateway(&mut container, &NetworkInspect::default());
    assert_eq!(container.addresses.len(), 2);
}

#[test]
fn a_service_publishes_for_its_tasks() {
    let inspection = answer(r#"{"Config":{"Labels":{"com.docker.swarm.service.id":"svc"}}}"#);
    assert_eq!(service_of(&inspection), Some("svc"));
    assert_eq!(service_of(&answer("{}")), None);
    let service = r#"{"Endpoint":{"Ports":[
        {"Protocol":"tcp","TargetPort":80,"PublishedPort":8080,"PublishMode":"ingress"},
        {"Protocol":"udp","TargetPort":53,"PublishedPort":5353},
        {"Protocol":"tcp","TargetPort":81,"PublishedPort":8081,"PublishMode":"host"},
        {"Protocol":"tcp","TargetPort":70000}],
        "VirtualIPs":[{"Addr":"10.0.1.6/24"},{"Addr":"10.0.0.3/24"},{"NetworkID":"x"}]}}"#;
    let mut container = task();
    add_service(&mut container, &serde_json::from_str(service).unwrap());
    let ports: Vec<_> = container.published.iter().map(ToString::to_string).collect();
    assert_eq!(ports, ["8080:80/tcp", "5353:53/udp"]);
    assert_eq!(container.virtual_addresses, [ip("10.0.0.3"), ip("10.0.1.6")]);
    add_service(&mut container, &Service::default());
    assert_eq!(container.published.len(), 2);
}
