//! `docker run` lines as people type them.

use super::read;
use crate::model::{MountKind, NetworkMode, Project};

fn line(text: &str) -> Option<Project> {
    read(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
}

#[test]
fn options_in_every_spelling() {
    let text = "docker run -itd -p80:80 --publish=127.0.0.1:53:53/udp -v /var/run/docker.sock:/s:ro --net host \
                --cap-add NET_ADMIN --privileged --name web -l app=web -e A=1 -u 0 nginx -p 1:1 --privileged=false";
    let project = line(text).expect("a container");
    let web = &project.services[0];
    assert_eq!(web.name, "web");
    assert_eq!(web.ports.len(), 2);
    assert_eq!(
        (web.ports[0].key().as_str(), web.ports[0].at.column),
        ("80:80/tcp", 4)
    );
    assert_eq!(
        (web.mounts[0].kind, web.mounts[0].read_only),
        (MountKind::Bind, true)
    );
    assert_eq!(
        web.network_mode.as_ref().map(|mode| mode.value.clone()),
        Some(NetworkMode::Host)
    );
    assert!(web.privileged.is_some() && web.label("app") == Some("web"));
    assert_eq!(
        web.image.as_ref().map(|image| image.value.as_str()),
        Some("nginx")
    );
}

#[test]
fn long_mounts_and_other_programs() {
    let text = "podman --remote create --mount type=bind,source=/etc,target=/x,readonly --network=name=back,ip=1.2.3.4 x";
    let web = line(text).expect("a container").services.remove(0);
    assert_eq!(web.mounts[0].host_path().as_deref(), Some("/etc"));
    assert!(web.mounts[0].read_only);
    assert_eq!(web.networks[0].name.value, "back");
}

#[test]
fn what_runs_nothing_is_nothing() {
    assert!(line("docker ps").is_none());
    assert!(line("run x").is_none());
    let half = line("docker run -p").expect("a container");
    assert_eq!(half.notes.len(), 2);
}

#[test]
fn podman_gives_fewer_capabilities() {
    let capable = |line: &str| {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        read(&words).unwrap().services[0].has_capability("NET_RAW")
    };
    assert!(capable("docker run --net=host image"));
    assert!(!capable("sudo podman run --net=host image"));
    assert!(capable("podman run --cap-add NET_RAW image"));
}
