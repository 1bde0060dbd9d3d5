//! Questions to the engine, each answered in our own words. Holds the labels of the images it has asked for.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::models::{ContainerInspectResponse, EventMessage};
use bollard::query_parameters::{
    EventsOptions, InspectContainerOptions, InspectNetworkOptions, InspectServiceOptions,
    ListContainersOptions, ListNetworksOptions,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use cofferdam_policy::Labels;
use futures_util::Stream;
use ipnet::IpNet;
use tokio::net::UnixStream;

use super::decode::{self, Decoded, ResolvConf};
use super::swarm::{self, GATEWAY};
use super::{DockerConfig, EngineInfo, event, sketch};
use crate::host;
use crate::{Container, ContainerId, ContainerState, InvalidId, NetworkMode};

/// An answer that did not come, or that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub(super) enum EngineError {
    /// Docker or the way to it.
    #[error(transparent)]
    Docker(#[from] bollard::errors::Error),
    /// An inspection without an id.
    #[error(transparent)]
    Id(#[from] InvalidId),
}

impl EngineError {
    /// Whether asking again may help: the engine was busy, nothing was wrong.
    pub(super) fn is_timeout(&self) -> bool {
        matches!(self, Self::Docker(bollard::errors::Error::RequestTimeoutError))
    }

    /// Whether what was asked for does not exist (any more).
    fn is_missing(error: &bollard::errors::Error) -> bool {
        matches!(
            error,
            bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }
        )
    }
}

/// One connection's worth of questions. Clones share the cache.
#[derive(Clone)]
pub(super) struct Engine {
    docker: Docker,
    /// The engine's own folder, as it sees it.
    data_root: PathBuf,
    images: Arc<Mutex<HashMap<String, Labels>>>,
}

impl Engine {
    /// Connects, agrees on an API version and asks who answers.
    pub(super) async fn connect(config: &DockerConfig) -> Result<(Self, EngineInfo), EngineError> {
        let socket = config.socket.to_string_lossy();
        let seconds = config.answer_within.as_secs().max(1);
        let docker = Docker::connect_with_unix(&socket, seconds, API_DEFAULT_VERSION)?
            .negotiate_version()
            .await?;
        let facts = docker.info().await?;
        let info = EngineInfo {
            version: facts.server_version.unwrap_or_default(),
            api_version: docker.client_version().to_string(),
            cgroup_driver: facts
                .cgroup_driver
                .map(|driver| driver.to_string())
                .unwrap_or_default(),
            cgroup_version: facts
                .cgroup_version
                .map(|version| version.to_string())
                .unwrap_or_default(),
            cgroup_parent: cgroup_parent_flag(&config.socket).await,
        };
        let engine = Self {
            docker,
            data_root: facts.docker_root_dir.map(PathBuf::from).unwrap_or_default(),
            images: Arc::default(),
        };
        Ok((engine, info))
    }

    /// Every event from now on; those between this call and the first poll are not missed either.
    pub(super) fn events(&self) -> impl Stream<Item = Result<EventMessage, bollard::errors::Error>> + use<> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        self.docker.events(Some(EventsOptions {
            since: Some(format!("{}.{:09}", now.as_secs(), now.subsec_nanos())),
            filters: Some(event::filters()),
            ..EventsOptions::default()
        }))
    }

    /// The ids of all containers, whatever their state.
    pub(super) async fn ids(&self) -> Result<Vec<ContainerId>, EngineError> {
        let options = ListContainersOptions {
            all: true,
            ..ListContainersOptions::default()
        };
        let list = self.docker.list_containers(Some(options)).await?;
        Ok(list
            .into_iter()
            .filter_map(|summary| ContainerId::new(summary.id?).ok())
            .collect())
    }

    /// One container; `None` if it is gone.
    pub(super) async fn container(&self, id: &ContainerId) -> Result<Option<Container>, EngineError> {
        let answer = match self
            .docker
            .inspect_container(id.as_str(), None::<InspectContainerOptions>)
            .await
        {
            Ok(answer) => answer,
            Err(error) if EngineError::is_missing(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        self.understand(&answer).await.map(Some)
    }

    /// One container as far as it can be known without its lock; `None` if it is gone. See `sketch`.
    pub(super) async fn sketch(&self, id: &ContainerId) -> Result<Option<Container>, EngineError> {
        let filters = HashMap::from([("id".to_owned(), vec![id.to_string()])]);
        let options = ListContainersOptions {
            all: true,
            filters: Some(filters),
            ..ListContainersOptions::default()
        };
        let Some(summary) = self
            .docker
            .list_containers(Some(options))
            .await?
            .into_iter()
            .next()
        else {
            return Ok(None);
        };
        let folder = self.data_root.join("containers").join(id.as_str());
        let file = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
        let (config, host) = (file("config.v2.json"), file("hostconfig.json"));
        let answer = sketch::answer(summary, config.as_deref(), host.as_deref());
        self.understand(&answer).await.map(Some)
    }

    /// Adds what others than the inspection know: the image, this host's files, Swarm.
    async fn understand(&self, answer: &ContainerInspectResponse) -> Result<Container, EngineError> {
        let image = answer.image.as_deref().unwrap_or_default();
        let image = self.image_labels(image).await?;
        let mut container = complete(decode::container(answer, &image)?);
        // Without an answer nothing is opened: a node that is no manager is not told about services.
        if swarm::has_gateway(answer)
            && let Ok(network) = self
                .docker
                .inspect_network(GATEWAY, None::<InspectNetworkOptions>)
                .await
        {
            swarm::add_gateway(&mut container, &network);
        }
        if let Some(service) = swarm::service_of(answer)
            && let Ok(service) = self
                .docker
                .inspect_service(service, None::<InspectServiceOptions>)
                .await
        {
            swarm::add_service(&mut container, &service);
        }
        Ok(container)
    }

    /// The subnets of all networks, sorted, each once.
    pub(super) async fn subnets(&self) -> Result<Vec<IpNet>, EngineError> {
        let networks = self.docker.list_networks(None::<ListNetworksOptions>).await?;
        let mut found: Vec<_> = networks
            .iter()
            .flat_map(|net| decode::subnets(net.ipam.as_ref()))
            .collect();
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// An image's labels never change: its id is a hash of them. One that is missing brings none.
    async fn image_labels(&self, image_id: &str) -> Result<Labels, EngineError> {
        let cached = self
            .images
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(image_id)
            .cloned();
        if let Some(labels) = cached {
            return Ok(labels);
        }
        let labels = match self.docker.inspect_image(image_id).await {
            Ok(answer) => decode::image_labels(&answer),
            Err(error) if EngineError::is_missing(&error) => return Ok(Labels::new()),
            Err(error) => return Err(error.into()),
        };
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        images.insert(image_id.to_owned(), labels.clone());
        Ok(labels)
    }
}

/// Adds what only this host's files know. A container that ends meanwhile is left as it is: its `die` event follows.
fn complete(decoded: Decoded) -> Container {
    let Decoded {
        mut container,
        resolv_conf,
    } = decoded;
    let more = match resolv_conf {
        ResolvConf::Own(path) => host::resolvers(&path).unwrap_or_default(),
        ResolvConf::Hosts => host::docker_fallback_resolvers(container.host_network).unwrap_or_default(),
        ResolvConf::Known => Vec::new(),
    };
    for address in more {
        if !container.resolvers.contains(&address) {
            container.resolvers.push(address);
        }
    }
    if let Some(pid) = container.pid {
        container.cgroup = host::cgroup_of(pid)
            .ok()
            .and_then(|dir| own_part(&dir, &container.id));
        if matches!(container.network_mode, NetworkMode::Container(_)) {
            container.host_network = host::in_own_namespace(pid).unwrap_or_default();
        }
    }
    if container.state == ContainerState::Created {
        container.pid = None;
    }
    container
}

/// The container's cgroup in the path of its first process, which may sit deeper: an init system makes groups of its own.
/// `None` where the path does not name the container: the engine counts its processes in another pid namespace.
fn own_part(dir: &Path, id: &ContainerId) -> Option<PathBuf> {
    let mut parts = dir.ancestors();
    let names_it = |part: &&Path| {
        part.file_name()
            .is_some_and(|name| name.to_string_lossy().contains(id.as_str()))
    };
    // The outermost: a nested engine's groups may repeat the id further down.
    let found = parts.by_ref().filter(names_it).last();
    found.map(Path::to_owned)
}

/// `--cgroup-parent` of the process that made the socket. Nothing where that is not dockerd but systemd (socket activation).
async fn cgroup_parent_flag(socket: &Path) -> Option<String> {
    let pid = UnixStream::connect(socket).await.ok()?.peer_cred().ok()?.pid()?;
    let text = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words: Vec<_> = text
        .split(|byte| *byte == 0)
        .map(String::from_utf8_lossy)
        .collect();
    flag_value(&words, "--cgroup-parent")
        .filter(|_| words.first().is_some_and(|word| word.ends_with("dockerd")))
}

/// The value of a flag, in both spellings: `--flag value` and `--flag=value`.
fn flag_value<S: AsRef<str>>(words: &[S], flag: &str) -> Option<String> {
    words
        .iter()
        .enumerate()
        .find_map(|(at, word)| match word.as_ref().strip_prefix(flag)? {
            "" => words.get(at + 1).map(|value| value.as_ref().to_owned()),
            rest => rest.strip_prefix('=').map(str::to_owned),
        })
}

#[cfg(test)]
mod tests;
