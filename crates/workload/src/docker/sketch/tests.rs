use bollard::models::{ContainerSummaryHostConfig, PortBinding};
use cofferdam_policy::Labels;

use super::*;
use crate::docker::decode;
use crate::{Container, ContainerState, NetworkMode};

fn listed() -> ContainerSummary {
    ContainerSummary {
        id: Some("a".repeat(64)),
        names: Some(vec!["/other/alias".into(), "/web".into()]),
        image: Some("nginx:1".into()),
        labels: Some([("app".to_owned(), "web".to_owned())].into()),
        state: Some(Listed::CREATED),
        host_config: Some(ContainerSummaryHostConfig {
            network_mode: Some("host".into()),
            annotations: None,
        }),
        ..ContainerSummary::default()
    }
}

fn decoded(config: Option<&str>, host: Option<&str>) -> Container {
    decode::container(&answer(listed(), config, host), &Labels::new())
        .unwrap()
        .container
}

#[test]
fn the_list_alone_says_who_it_is() {
    for (config, host) in [(None, None), (Some("{"), Some("[]")), (Some("{}"), None)] {
        let container = decoded(config, host);
        assert_eq!(container.name, "web");
        assert_eq!(container.image, "nginx:1");
        assert_eq!(container.labels.get("app").map(String::as_str), Some("web"));
        assert_eq!(container.network_mode, NetworkMode::Host);
        assert_eq!(container.state, ContainerState::Created);
        assert!(container.host_network && container.published.is_empty() && container.pid.is_none());
    }
}

#[test]
fn the_engines_files_add_the_openings() {
    let config = r#"{"State":{"Running":true,"Pid":42},"ID":"x","ResolvConfPath":"","Config":{"Image":"nginx:1",
        "ExposedPorts":{"90/tcp":{}},"Labels":{"app":"web","role":"front"}}}"#;
    let host = HostConfig {
        network_mode: Some("backend".into()),
        dns: Some(vec!["192.0.2.53".into()]),
        port_bindings: Some(
            [(
                "80/tcp".to_owned(),
                Some(vec![PortBinding {
                    host_ip: None,
                    host_port: Some("8080".into()),
                }]),
            )]
            .into(),
        ),
        publish_all_ports: Some(true),
        ..HostConfig::default()
    };
    let container = decoded(Some(config), Some(&serde_json::to_string(&host).unwrap()));
    assert_eq!(container.labels.len(), 2);
    assert_eq!(container.network_mode, NetworkMode::Network("backend".into()));
    let ports: Vec<_> = container.published.iter().map(ToString::to_string).collect();
    assert_eq!(ports, ["8080:80/tcp", "90/tcp"]);
    assert_eq!(container.pid, Some(42));
    assert!(container.has_docker_dns());
}
