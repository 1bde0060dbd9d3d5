//! Asks a running engine, Docker or Podman, over its socket. Reads only.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use cofferdam_audit::engine::Engine;
use cofferdam_audit::model::Project;
use cofferdam_audit::{Located, Note, Position, inspect};
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::failure::Failure;
use crate::output::runtime;

/// An engine that does not answer is none.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read.
const LONGEST: usize = 64 << 20;

/// What an engine said.
pub(crate) struct Answer {
    /// Its containers and networks.
    pub(crate) project: Project,
    /// Its settings.
    pub(super) engine: Engine,
}

/// The socket of the engine to ask: the named one, or the first that is there.
pub(super) fn socket(named: Option<&Path>) -> Option<PathBuf> {
    if let Some(path) = named {
        return Some(path.to_path_buf());
    }
    let host = std::env::var("DOCKER_HOST").ok();
    let runtime = std::env::var("XDG_RUNTIME_DIR").unwrap_or_default();
    let candidates = [
        host.as_deref()
            .and_then(|host| host.strip_prefix("unix://"))
            .map(str::to_owned),
        Some("/var/run/docker.sock".to_owned()),
        Some(format!("{runtime}/docker.sock")),
        Some("/run/podman/podman.sock".to_owned()),
        Some(format!("{runtime}/podman/podman.sock")),
    ];
    candidates
        .into_iter()
        .flatten()
        .map(PathBuf::from)
        .find(|path| path.exists())
}

/// Everything that the audit wants to know. `None` where there is no engine; a named one must answer.
pub(crate) fn ask(named: Option<&Path>) -> Result<Option<Answer>, Failure> {
    let Some(socket) = socket(named) else {
        return Ok(None);
    };
    let asked = runtime()?.block_on(async { tokio::time::timeout(PATIENCE, ask_all(&socket)).await });
    match asked {
        Ok(Ok(answer)) => Ok(Some(answer)),
        Ok(Err(what)) if named.is_some() => Err(Failure::new(format!("{}: {what}", socket.display()))),
        Err(_) if named.is_some() => Err(Failure::new(format!("{} does not answer", socket.display()))),
        Ok(Err(_)) | Err(_) => Ok(None),
    }
}

async fn ask_all(socket: &Path) -> Result<Answer, String> {
    let mut engine = Engine::unknown(Position::start("engine:docker"));
    let mut images = HashMap::new();
    engine.add_version(&get(socket, "/version").await?);
    engine.add_info(&get(socket, "/info").await?);
    let listed = get(socket, "/containers/json").await?;
    let listed: Vec<serde_json::Value> =
        serde_json::from_slice(&listed).map_err(|error| error.to_string())?;
    let mut containers = Vec::new();
    for id in listed.iter().filter_map(|container| container["Id"].as_str()) {
        // One that ended meanwhile is none.
        if let Ok(bytes) = get(socket, &format!("/containers/{id}/json")).await {
            containers.push(bytes);
        }
    }
    let live = Some(engine.word());
    let mut project = inspect::read("engine:networks", &get(socket, "/networks").await?, live);
    for bytes in containers {
        let mut one = inspect::read("engine:containers", &bytes, live);
        let image = image_labels(socket, &bytes, &mut images).await;
        one.services
            .iter_mut()
            .for_each(|service| subtract(&mut service.labels, image));
        project.services.extend(one.services);
        project.notes.extend(one.notes);
    }
    inspect::name_joined(&mut project);
    if engine.swarm {
        match get(socket, "/services").await {
            Ok(services) => inspect::add_swarm(&mut project, &services),
            Err(_) => project.notes.push(Note {
                at: Position::start("engine:services"),
                text: "only managers of a swarm know what its services publish; ask one of them".to_owned(),
            }),
        }
    }
    Ok(Answer { project, engine })
}

/// The labels of a container's image; none where the image is gone.
async fn image_labels<'i>(
    socket: &Path,
    container: &[u8],
    known: &'i mut HashMap<String, HashMap<String, String>>,
) -> &'i HashMap<String, String> {
    let container: serde_json::Value = serde_json::from_slice(container).unwrap_or_default();
    let image = container["Image"].as_str().unwrap_or_default().to_owned();
    if !known.contains_key(&image) {
        let bytes = get(socket, &format!("/images/{image}/json")).await;
        let answer: serde_json::Value = bytes
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let labels = serde_json::from_value(answer["Config"]["Labels"].clone());
        known.insert(image.clone(), labels.unwrap_or_default());
    }
    known.entry(image).or_default()
}

/// What the image brings says nothing of who the container is. Compose also labels images with the project that built
/// them: what it made itself keeps its project.
fn subtract(labels: &mut Vec<(Located<String>, String)>, image: &HashMap<String, String>) {
    const PROJECT: &str = "com.docker.compose.project";
    const CONFIG_HASH: &str = "com.docker.compose.config-hash";
    let composed = labels
        .iter()
        .any(|(key, value)| key.value == CONFIG_HASH && image.get(CONFIG_HASH) != Some(value));
    labels.retain(|(key, value)| image.get(&key.value) != Some(value) || (composed && key.value == PROJECT));
}

async fn get(socket: &Path, path: &str) -> Result<Bytes, String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let stream = UnixStream::connect(socket).await.map_err(|error| told(&error))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| told(&error))?;
    let request = Request::get(path)
        .header("Host", "engine")
        .body(Full::<Bytes>::default())
        .map_err(|error| told(&error))?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|error| told(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        let bytes = body.map_err(|error| told(&error))?.to_bytes();
        if status.is_success() {
            Ok(bytes)
        } else {
            Err(format!("{path}: {status}"))
        }
    };
    tokio::pin!(answer);
    tokio::select! {
        bytes = &mut answer => bytes,
        ended = connection => match ended {
            // The connection's task is done once the answer is complete.
            Ok(()) => answer.await,
            Err(error) => Err(told(&error)),
        },
    }
}
