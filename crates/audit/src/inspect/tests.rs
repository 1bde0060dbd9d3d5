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
    let project = read("engine.json", TEXT.as_bytes(), false);
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
    let project = read("engine", TEXT.as_bytes(), true);
    assert_eq!(project.services[0].ports[0].at.to_string(), "docker:db");
    assert!(project.services[0].at.is_live());
}
