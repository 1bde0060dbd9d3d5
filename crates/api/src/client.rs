//! The client half: one connection a request, HTTP/1.1 over a unix socket, errors that say what to do.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::{
    ChangeRequest, Changed, EnforceRequest, ExplainRequest, ExplainResponse, FlowQuery, FlowView, Flows,
    KeyAnswer, Policies, PolicyText, Problem, ProtectRequest, ReloadRequest, RunRequest, RunResponse,
    SOCKET_GROUP, Status, StopRequest, Stopped, Switched, Top, TopQuery, UnprotectRequest, Workloads, routes,
};

mod each;
#[cfg(test)]
mod tests;

/// How long a daemon may take to answer; it never waits for anything slower than the kernel.
const PATIENCE: Duration = Duration::from_secs(30);
/// Upper bound of an answer that is read whole.
const BODY_LIMIT: usize = 64 << 20;
/// Upper bound of one line of a followed answer.
const LINE_LIMIT: usize = 1 << 20;

/// A client of one daemon. Needs a tokio runtime with I/O and time.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

/// Flows as they happen.
#[derive(Debug)]
pub struct FlowStream {
    body: Incoming,
    buffer: BytesMut,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens on the socket.
    #[error("the daemon is not running (no answer on {})", .0.display())]
    Absent(PathBuf),
    /// The socket is there and this user may not use it.
    #[error("no permission to talk to the daemon on {}", .0.display())]
    Denied(PathBuf),
    /// The socket cannot be used.
    #[error("cannot connect to {}: {error}", .socket.display())]
    Connect {
        /// Path of the socket.
        socket: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// The daemon went away, or it is no daemon.
    #[error("the daemon broke off: {0}")]
    Broken(#[from] hyper::Error),
    /// It accepted the request and said nothing.
    #[error("the daemon did not answer in time")]
    Late,
    /// It said something else than version 1 of this wire.
    #[error("cannot read the daemon's answer: {0}")]
    Unreadable(String),
    /// It refused.
    #[error("{0}")]
    Refused(Problem),
}

// === impl Client ===

impl Client {
    /// A client of the daemon on `socket`; connects with each request, not here.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
        }
    }

    /// Path of the socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// How the daemon is.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.get(routes::STATUS).await
    }

    /// All workloads.
    pub async fn workloads(&self) -> Result<Workloads, ClientError> {
        self.get(routes::WORKLOADS).await
    }

    /// Past flows; `query.follow` is ignored.
    pub async fn flows(&self, query: &FlowQuery) -> Result<Flows, ClientError> {
        self.get(&flows_path(&FlowQuery {
            follow: false,
            ..query.clone()
        })?)
        .await
    }

    /// Past flows in sums; `query.limit` is of rows.
    pub async fn top(&self, query: &FlowQuery, by: &TopQuery) -> Result<Top, ClientError> {
        let query = FlowQuery {
            follow: false,
            ..query.clone()
        };
        let parts = [encoded(&query)?, encoded(by)?];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        self.get(&format!("{}?{}", routes::FLOWS_TOP, parts.join("&")))
            .await
    }

    /// Past flows, then what happens, until the stream is dropped.
    pub async fn follow(&self, query: &FlowQuery) -> Result<FlowStream, ClientError> {
        let path = flows_path(&FlowQuery {
            follow: true,
            ..query.clone()
        })?;
        let response = patient(self.send(Method::GET, &path, Bytes::new())).await??;
        let response = checked(response).await?;
        Ok(FlowStream {
            body: response.into_body(),
            buffer: BytesMut::new(),
        })
    }

    /// Move this process into a cgroup that has its policy.
    pub async fn run(&self, request: &RunRequest) -> Result<RunResponse, ClientError> {
        self.post(routes::RUN, request).await
    }

    /// Carry out denials.
    pub async fn enforce(&self, request: &EnforceRequest) -> Result<Changed, ClientError> {
        self.post(routes::ENFORCE, request).await
    }

    /// Only record denials.
    pub async fn observe(&self, request: &ChangeRequest) -> Result<Changed, ClientError> {
        self.post(routes::OBSERVE, request).await
    }

    /// Keep what `enforce` with a time limit began.
    pub async fn confirm(&self) -> Result<Changed, ClientError> {
        self.post_empty(routes::CONFIRM).await
    }

    /// Protect a workload.
    pub async fn protect(&self, request: &ProtectRequest) -> Result<Changed, ClientError> {
        self.post(routes::PROTECT, request).await
    }

    /// Take back what `protect` gave.
    pub async fn unprotect(&self, request: &UnprotectRequest) -> Result<Changed, ClientError> {
        self.post(routes::UNPROTECT, request).await
    }

    /// Switch enforcement off.
    pub async fn off(&self) -> Result<Switched, ClientError> {
        self.post_empty(routes::OFF).await
    }

    /// Switch enforcement on.
    pub async fn on(&self) -> Result<Switched, ClientError> {
        self.post_empty(routes::ON).await
    }

    /// What would happen.
    pub async fn explain(&self, request: &ExplainRequest) -> Result<ExplainResponse, ClientError> {
        self.post(routes::EXPLAIN, request).await
    }

    /// The default profile in force.
    pub async fn policy_default(&self) -> Result<PolicyText, ClientError> {
        self.get(routes::POLICY_DEFAULT).await
    }

    /// What is in the policy folder, and what of it is in force.
    pub async fn policies(&self) -> Result<Policies, ClientError> {
        self.get(routes::POLICIES).await
    }

    /// Read files of the policy folder at once.
    pub async fn reload_policies(&self, request: &ReloadRequest) -> Result<Policies, ClientError> {
        self.post(routes::POLICIES_RELOAD, request).await
    }

    /// The key that signs handshakes: its number and its age.
    pub async fn key(&self) -> Result<KeyAnswer, ClientError> {
        self.get(routes::KEY).await
    }

    /// Sign handshakes with another key from now on.
    pub async fn rotate_key(&self) -> Result<KeyAnswer, ClientError> {
        self.post_empty(routes::KEY_ROTATE).await
    }

    /// End the daemon.
    pub async fn stop(&self, request: &StopRequest) -> Result<Stopped, ClientError> {
        self.post(routes::STOP, request).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        patient(self.exchange(Method::GET, path, Bytes::new())).await?
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Unreadable(error.to_string()))?;
        patient(self.exchange(Method::POST, path, body.into())).await?
    }

    async fn post_empty<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        patient(self.exchange(Method::POST, path, Bytes::new())).await?
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, ClientError> {
        let response = checked(self.send(method, path, body).await?).await?;
        let body = whole(response).await?;
        serde_json::from_slice(&body).map_err(|error| ClientError::Unreadable(error.to_string()))
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, ClientError> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| self.connect_error(error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // The connection ends with the last of its request and body; its errors reach the reader of those.
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost");
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| ClientError::Unreadable(error.to_string()))?;
        Ok(sender.send_request(request).await?)
    }

    fn connect_error(&self, error: io::Error) -> ClientError {
        match error.kind() {
            // A refused connection is the socket file of a daemon that was killed.
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                ClientError::Absent(self.socket.clone())
            }
            io::ErrorKind::PermissionDenied => ClientError::Denied(self.socket.clone()),
            _ => ClientError::Connect {
                socket: self.socket.clone(),
                error,
            },
        }
    }
}

fn flows_path(query: &FlowQuery) -> Result<String, ClientError> {
    let query = encoded(query)?;
    Ok(if query.is_empty() {
        routes::FLOWS.to_owned()
    } else {
        format!("{}?{query}", routes::FLOWS)
    })
}

fn encoded(query: &impl Serialize) -> Result<String, ClientError> {
    serde_urlencoded::to_string(query).map_err(|error| ClientError::Unreadable(error.to_string()))
}

async fn patient<F: Future>(answer: F) -> Result<F::Output, ClientError> {
    tokio::time::timeout(PATIENCE, answer)
        .await
        .map_err(|_| ClientError::Late)
}

/// The response if it is a success, else the problem that it carries.
async fn checked(response: Response<Incoming>) -> Result<Response<Incoming>, ClientError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = whole(response).await?;
    // Something that is no Cofferdam daemon, or a route that this daemon does not know, answers in other words.
    Err(serde_json::from_slice(&body).map_or_else(
        |_| ClientError::Unreadable(format!("HTTP status {status}")),
        ClientError::Refused,
    ))
}

async fn whole(response: Response<Incoming>) -> Result<Bytes, ClientError> {
    match Limited::new(response.into_body(), BODY_LIMIT).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ClientError::Unreadable(format!(
            "more than {} MiB",
            BODY_LIMIT >> 20
        ))),
        Err(error) => Err(match error.downcast::<hyper::Error>() {
            Ok(error) => ClientError::Broken(*error),
            Err(error) => ClientError::Unreadable(error.to_string()),
        }),
    }
}

fn flow_or_problem(line: &[u8]) -> Result<FlowView, ClientError> {
    serde_json::from_slice(line).map_err(|error| {
        serde_json::from_slice(line).map_or_else(
            |_| ClientError::Unreadable(error.to_string()),
            ClientError::Refused,
        )
    })
}

// === impl FlowStream ===

impl FlowStream {
    /// The next flow; `None` when the daemon ended the answer. Cancel-safe. [`ClientError::Refused`] is a remark in
    /// between, such as the number of flows that this reader was too slow for: the stream goes on.
    pub async fn next(&mut self) -> Result<Option<FlowView>, ClientError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end + 1);
                // An empty line is the daemon's way to find out that its reader has gone.
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return flow_or_problem(&line).map(Some);
            }
            if self.buffer.len() > LINE_LIMIT {
                return Err(ClientError::Unreadable(format!(
                    "a line of more than {} MiB",
                    LINE_LIMIT >> 20
                )));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame?.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}

// === impl ClientError ===

impl ClientError {
    /// What the user can do about it, one line.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Absent(_) => {
                Some("start it with `sudo cofferdam daemon`, or `sudo systemctl start cofferdam`".into())
            }
            Self::Denied(_) => Some(format!(
                "run it as root, or as a member of the group `{SOCKET_GROUP}`"
            )),
            Self::Connect { .. } => {
                Some("is `--socket` the path that the daemon prints at its start?".into())
            }
            Self::Broken(_) | Self::Late => Some("look at `journalctl -u cofferdam`".into()),
            Self::Unreadable(_) => {
                Some("`cofferdam version` shows whether daemon and command are of one version".into())
            }
            Self::Refused(problem) => problem.hint.clone(),
        }
    }

    /// Whether no daemon listens, as opposed to one that refuses.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent(_))
    }
}
