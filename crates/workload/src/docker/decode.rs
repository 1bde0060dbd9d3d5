//! An inspection's JSON, as bollard reads it → our words. Pure: what only files know (resolv.conf, cgroups) is named here
//! and read in `engine`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use bollard::models::{
    ContainerInspectResponse, ContainerStateStatusEnum, HostConfig, Ipam, NetworkSettings,
};
use cofferdam_policy::Labels;
use ipnet::IpNet;

use super::labels;
use super::ports::{self, PortFacts};
use crate::host::below_root;
use crate::{Container, ContainerId, ContainerState, InvalidId, NetworkMode};

/// Docker's resolver inside the namespaces of user-defined networks.
pub(super) const DOCKER_DNS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 11));

/// A container as far as the inspection knows it.
#[derive(Debug)]
pub(super) struct Decoded {
    /// Not yet known: `cgroup`; `netns_owner` and all that is taken over from the owner; what `swarm` adds.
    pub(super) container: Container,
    /// Where more resolvers are written.
    pub(super) resolv_conf: ResolvConf,
}

/// Which file names a container's resolvers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ResolvConf {
    /// The container's own, which Docker wrote when it prepared its network.
    Own(PathBuf),
    /// The host's, as Docker will copy it: to be read before the container has one.
    Hosts,
    /// None: the creator's `--dns` or Docker's resolver are all.
    Known,
}

/// Reads one inspection. `image` are its image's labels. Fails only where there is no id.
pub(super) fn container(answer: &ContainerInspectResponse, image: &Labels) -> Result<Decoded, InvalidId> {
    let id = ContainerId::new(answer.id.clone().unwrap_or_default())?;
    let config = answer.config.as_ref();
    let host = answer.host_config.as_ref();
    let settings = answer.network_settings.as_ref();
    let all: Labels = config
        .and_then(|config| config.labels.clone())
        .unwrap_or_default()
        .into_iter()
        .collect();
    let origin = labels::origin(&all, image);
    let network_mode = NetworkMode::parse(
        host.and_then(|host| host.network_mode.as_deref())
            .unwrap_or_default(),
    );
    let (resolvers, resolv_conf) = dns(answer, &network_mode);
    let container = Container {
        name: name(answer),
        image: config.and_then(|config| config.image.clone()).unwrap_or_default(),
        labels: origin.labels,
        namespace: origin.namespace,
        host_network: network_mode == NetworkMode::Host,
        network_mode,
        netns_owner: None,
        published: ports::published(PortFacts {
            wished: host.and_then(|host| host.port_bindings.as_ref()),
            actual: settings.and_then(|settings| settings.ports.as_ref()),
            exposed: config.and_then(|config| config.exposed_ports.as_deref()),
            publish_all: host.and_then(|host| host.publish_all_ports).unwrap_or_default(),
        }),
        exposed: ports::exposed(config.and_then(|config| config.exposed_ports.as_deref())),
        net_raw: host.is_none_or(has_net_raw),
        addresses: settings.map(addresses).unwrap_or_default(),
        virtual_addresses: Vec::new(),
        pid: pid(answer),
        state: state(answer),
        resolvers,
        cgroup: None,
        cgroup_parent: host
            .and_then(|host| host.cgroup_parent.as_deref())
            .and_then(below_root),
        id,
    };
    Ok(Decoded {
        container,
        resolv_conf,
    })
}

/// What is added outweighs what is dropped, as the engine reads it; only a capability by name outweighs ALL.
fn has_net_raw(host: &HostConfig) -> bool {
    let names = |list: &Option<Vec<String>>, wanted: &str| {
        let mut names = list.iter().flatten().map(|name| name.to_ascii_uppercase());
        names.any(|name| name.strip_prefix("CAP_").unwrap_or(&name) == wanted)
    };
    let [added, dropped] = [&host.cap_add, &host.cap_drop].map(|list| {
        let named = names(list, "NET_RAW");
        (named, names(list, "ALL"))
    });
    match (host.privileged, added, dropped) {
        (Some(true), ..) => true,
        (_, (_, true), (named, _)) => !named,
        (_, (named, false), (dropped, all)) => named || !(dropped || all),
    }
}

/// The labels that an image brings.
pub(super) fn image_labels(answer: &bollard::models::ImageInspect) -> Labels {
    let labels = answer.config.as_ref().and_then(|config| config.labels.clone());
    labels.unwrap_or_default().into_iter().collect()
}

/// The subnets of one network; the host's and `none` have none.
pub(super) fn subnets(ipam: Option<&Ipam>) -> Vec<IpNet> {
    let configs = ipam.and_then(|ipam| ipam.config.as_deref()).unwrap_or_default();
    let parsed = configs
        .iter()
        .filter_map(|config| config.subnet.as_deref()?.parse::<IpNet>().ok());
    parsed.map(|net| net.trunc()).collect()
}

fn addresses(settings: &NetworkSettings) -> Vec<IpAddr> {
    let endpoints = settings.networks.iter().flatten();
    let texts =
        endpoints.flat_map(|(_, end)| [end.ip_address.as_deref(), end.global_ipv6_address.as_deref()]);
    let mut found: Vec<IpAddr> = texts.flatten().filter_map(|text| text.parse().ok()).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn name(answer: &ContainerInspectResponse) -> String {
    let name = answer.name.as_deref().unwrap_or_default();
    name.trim_start_matches('/').to_owned()
}

fn pid(answer: &ContainerInspectResponse) -> Option<u32> {
    let pid = answer.state.as_ref()?.pid?;
    u32::try_from(pid).ok().filter(|pid| *pid != 0)
}

fn state(answer: &ContainerInspectResponse) -> ContainerState {
    let state = answer.state.as_ref();
    match state.and_then(|state| state.status) {
        Some(ContainerStateStatusEnum::CREATED) => ContainerState::Created,
        // An engine stops a container by signals; until its process ends it runs.
        Some(ContainerStateStatusEnum::RUNNING | ContainerStateStatusEnum::STOPPING) => {
            ContainerState::Running
        }
        Some(ContainerStateStatusEnum::PAUSED) => ContainerState::Paused,
        Some(ContainerStateStatusEnum::RESTARTING) => ContainerState::Restarting,
        Some(ContainerStateStatusEnum::REMOVING) => ContainerState::Removing,
        Some(ContainerStateStatusEnum::EXITED) => ContainerState::Exited,
        Some(ContainerStateStatusEnum::DEAD) => ContainerState::Dead,
        Some(ContainerStateStatusEnum::EMPTY) | None if pid(answer).is_some() => ContainerState::Running,
        Some(ContainerStateStatusEnum::EMPTY) | None => ContainerState::Exited,
    }
}

/// On a user-defined network a container asks Docker's resolver, which asks those of `--dns`; elsewhere it asks the latter
/// itself. Both are kept: what dockerd forwards on the container's behalf is the container's choice.
fn dns(answer: &ContainerInspectResponse, mode: &NetworkMode) -> (Vec<IpAddr>, ResolvConf) {
    let mut resolvers = Vec::new();
    if matches!(mode, NetworkMode::Network(_)) {
        resolvers.push(DOCKER_DNS);
    }
    let chosen = answer
        .host_config
        .as_ref()
        .and_then(|host| host.dns.as_deref())
        .unwrap_or_default();
    resolvers.extend(chosen.iter().filter_map(|text| text.parse::<IpAddr>().ok()));
    let own = answer.resolv_conf_path.as_deref().filter(|path| !path.is_empty());
    let file = match (own, mode) {
        (Some(path), _) => ResolvConf::Own(Path::new(path).to_owned()),
        (None, NetworkMode::None | NetworkMode::Container(_)) => ResolvConf::Known,
        (None, _) if resolvers.is_empty() => ResolvConf::Hosts,
        (None, _) => ResolvConf::Known,
    };
    (resolvers, file)
}

#[cfg(test)]
mod tests;
