//! `docker inspect` as it comes from the engine.

use super::read;
use crate::model::NetworkMode;

const TEXT: &str = r#"[{"Id":"1111","Name":"/db","State":{"Running":true},
 "Config":{"Image":"postgres:17","User":"","ExposedPorts":{"5432/tcp":{}},"Labels":{"com.docker.compose.project":"shop"}},
 "HostConfig":{"NetworkMode":"shop_default","PortBindings":{"5432/tcp":[{"HostIp":"","HostPort":"0"}]},"CapAdd":null,"Privileged":true},
 "NetworkSettings":{"Ports":{"5432/tcp":[{"HostIp":"0.0.0.0","HostPort":"49153"}]},"Networks":{"shop_default":{"IPAddress":"172.18.0.2","Gateway":"172.18.0.1"}}},
 "Mounts":[{"Type":"bind","Source":"/run","Destination":"/host","RW":false}]},
 {"Id":"2222","Name":"/app","Config":{"Image":"app"},"HostConfig":{"NetworkMode":"container:1111"}},
 {"Name":"shop_default","Driver":"bridge","IPAM":{"Config":[{"Subnet":"172.18.0.0/16"}]},"Internal":true}]"#;

#[test]
fn containers_and_networks() {
    let project = read("engine.json", TEXT.as_bytes(), None);
    let db = &project.services[0];
    assert_eq!(db.ports[0].key(), "49153:5432/tcp");
    assert!(db.ports[0].is_wildcard() && db.mounts[0].read_only && db.privileged.is_some());
    assert_eq!((db.ports[0].at.line, db.user.is_none()), (3, true));
    assert_eq!(
        project.services[1]
            .network_mode
            .as_ref()
            .map(|mode| mode.value.clone()),
        Some(NetworkMode::Container("db".to_owned()))
    );
    assert!(project.networks[0].internal);
}

#[test]
fn live_containers_have_a_name_instead_of_a_line() {
    let project = read("engine", TEXT.as_bytes(), Some("docker"));
    assert_eq!(project.services[0].ports[0].at.to_string(), "docker:db");
    assert!(project.services[0].at.is_live());
}

const SWARM: &str = r#"[{"Id":"1","Name":"/web.1.x","Config":{"Labels":{"com.docker.swarm.service.name":"web"}},"HostConfig":{"NetworkMode":"default",
  "PortBindings":{"81/tcp":[{"HostIp":"","HostPort":"8081"}]}},"NetworkSettings":{"Networks":{"ingress":{}}}},
 {"ID":"a","Spec":{"Name":"web"},"Endpoint":{"Ports":[{"Protocol":"tcp","TargetPort":80,"PublishedPort":8080,"PublishMode":"ingress"},
  {"Protocol":"tcp","TargetPort":81,"PublishedPort":8081,"PublishMode":"host"}]}},
 {"ID":"b","Spec":{"Name":"idle"},"Endpoint":{"Ports":[{"Protocol":"udp","TargetPort":53,"PublishedPort":8053,"PublishMode":"ingress"}]}},
 {"ID":"c","Spec":{"Name":"quiet"},"Endpoint":{}}]"#;

#[test]
fn ports_of_the_mesh_belong_to_one_copy_or_to_the_service() {
    let project = read("swarm.json", SWARM.as_bytes(), None);
    let ports = |service: usize| -> Vec<(String, bool, u32)> {
        let ports = project.services[service].ports.iter();
        ports
            .map(|port| (port.key(), port.host_mode, port.at.line))
            .collect()
    };
    let own = ("8081:81/tcp".to_owned(), true, 2);
    assert_eq!(ports(0), [own, ("8080:80/tcp".to_owned(), false, 3)]);
    assert_eq!(ports(1), [("8053:53/udp".to_owned(), false, 5)]);
    assert_eq!(
        (project.services.len(), project.services[1].name.as_str()),
        (2, "idle")
    );
    assert!(project.services[0].network_mode.is_none());
}

#[test]
fn an_api_socket_is_a_socket_with_credentials() {
    let with = |environment: &str| {
        let text = format!(
            r#"[{{"Name":"/a","HostConfig":{{}},"Config":{{"Env":[{environment}]}},
            "Mounts":[{{"Type":"bind","Source":"/run/docker.sock","Destination":"/var/run/docker.sock","RW":true}}]}}]"#
        );
        read("a.json", text.as_bytes(), None).services[0]
            .api_socket
            .clone()
    };
    assert_eq!(
        with(r#""DOCKER_CONFIG=/run/secrets/docker""#).map(|at| at.line),
        Some(2)
    );
    assert_eq!(with(r#""DOCKER_CONFIG=/root/.docker""#), None);
}

/// As Podman 4.3 answers: every bridge is `bridge`, the default one is `podman`, no gateway is `<nil>`.
#[test]
fn podmans_bridges_are_told_apart() {
    let text = r#"[
      {"Name": "/own", "HostConfig": {"NetworkMode": "bridge"}, "NetworkSettings": {"Networks": {"inside": {}}}},
      {"Name": "/shared", "HostConfig": {"NetworkMode": "bridge"}, "NetworkSettings": {"Networks": {"podman": {}}}},
      {"Name": "inside", "Driver": "bridge", "Internal": true, "IPAM": {"Config": [{"Subnet": "10.89.0.0/24", "Gateway": "<nil>"}]}}
    ]"#;
    let project = read("engine", text.as_bytes(), Some("podman"));
    let mode = |index: usize| {
        project.services[index]
            .network_mode
            .clone()
            .map(|mode| mode.value)
    };
    assert_eq!(mode(0), Some(NetworkMode::Named("inside".to_owned())));
    assert_eq!(mode(1), Some(NetworkMode::Bridge));
    assert_eq!(project.services[0].at.to_string(), "podman:own");
    assert!(project.networks[0].without_gateway && project.networks[0].gateways.is_empty());
}
