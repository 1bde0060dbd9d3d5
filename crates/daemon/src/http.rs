//! HTTP/JSON on a unix socket: routes, who is asking, and errors that are always a `Problem`.
//!
//! Decides who may ask (peer credentials, per request); what the answer is, the engine decides. Reading is for everyone
//! who may open the socket (root and its group), changing for root, `run` for whom the configuration allows.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::IncomingStream;
use axum::{Json, Router};
use cofferdam_api::{Code, FlowQuery, Problem, StopRequest, TopQuery, openapi, routes};
use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};

use crate::access::may_change;
use crate::command::{Caller, Command, Reply};

mod flows;
mod metrics;
#[cfg(test)]
mod tests;

pub(crate) use metrics::serve as serve_metrics;

/// Longest request body; labels of a `run` are the longest there is.
const BODY_LIMIT: usize = 64 << 10;

type Commands = mpsc::Sender<Command>;

/// The process at the other end, as it was when it connected.
#[derive(Clone, Debug)]
struct Peer {
    uid: u32,
    gid: u32,
    pid: u32,
    pidfd: Option<Arc<std::os::fd::OwnedFd>>,
}

/// A `Problem` on its way out.
struct Refusal(Problem);

type Answer<T> = Result<Json<T>, Refusal>;

/// Serves until `stop` is sent or dropped, then until every answer is out.
pub(crate) async fn serve(listener: UnixListener, commands: Commands, stop: oneshot::Receiver<()>) {
    let app = router(commands).into_make_service_with_connect_info::<Peer>();
    let stopped = async {
        // Dropped without a word means the same.
        let _ = stop.await;
    };
    if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(stopped).await {
        tracing::error!("the API ended: {error}");
    }
}

fn router(commands: Commands) -> Router {
    Router::new()
        .route(routes::STATUS, get(status))
        .route(routes::WORKLOADS, get(workloads))
        .route(routes::FLOWS, get(flows))
        .route(routes::FLOWS_TOP, get(flows_top))
        .route(routes::RUN, post(run))
        .route(routes::ENFORCE, post(enforce))
        .route(routes::OBSERVE, post(observe))
        .route(routes::CONFIRM, post(confirm))
        .route(routes::PROTECT, post(protect))
        .route(routes::UNPROTECT, post(unprotect))
        .route(routes::OFF, post(off))
        .route(routes::ON, post(on))
        .route(routes::EXPLAIN, post(explain))
        .route(routes::KEY, get(key))
        .route(routes::KEY_ROTATE, post(rotate_key))
        .route(routes::STOP, post(stop))
        .route(routes::POLICY_DEFAULT, get(policy))
        .route(routes::POLICIES, get(policies))
        .route(routes::POLICIES_RELOAD, post(reload_policies))
        .route(routes::METRICS, get(metrics::answer))
        .route(routes::OPENAPI, get(|| async { Json(openapi()) }))
        .fallback(|| async { Refusal(Problem::new(Code::NotFound, "there is no such route")) })
        .method_not_allowed_fallback(|| async {
            Refusal(Problem::new(
                Code::NotFound,
                "this route does not take that method",
            ))
        })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(commands)
}

// === reading ===

async fn status(State(engine): State<Commands>) -> Answer<cofferdam_api::Status> {
    ask(&engine, Command::Status).await
}

async fn workloads(State(engine): State<Commands>) -> Answer<cofferdam_api::Workloads> {
    ask(&engine, Command::Workloads).await
}

async fn policy(State(engine): State<Commands>) -> Answer<cofferdam_api::PolicyText> {
    ask(&engine, Command::Policy).await
}

async fn policies(State(engine): State<Commands>) -> Answer<cofferdam_api::Policies> {
    ask(&engine, Command::Policies).await
}

async fn key(State(engine): State<Commands>) -> Answer<cofferdam_api::KeyAnswer> {
    ask(&engine, Command::Key).await
}

async fn explain(State(engine): State<Commands>, body: Body8) -> Answer<cofferdam_api::ExplainResponse> {
    let request = parse(body)?;
    ask(&engine, |reply| Command::Explain(request, reply)).await
}

async fn flows(
    State(engine): State<Commands>,
    query: Result<Query<FlowQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let query = queried(query)?;
    let asked = query.clone();
    let found = ask_raw(&engine, |reply| Command::Flows(asked, reply)).await?;
    Ok(flows::answer(found, query))
}

async fn flows_top(
    State(engine): State<Commands>,
    query: Result<Query<FlowQuery>, QueryRejection>,
    by: Result<Query<TopQuery>, QueryRejection>,
) -> Answer<cofferdam_api::Top> {
    let (query, by) = (queried(query)?, queried(by)?);
    // The limit is of rows.
    let asked = FlowQuery {
        limit: None,
        follow: false,
        ..query.clone()
    };
    let found = ask_raw(&engine, |reply| Command::Flows(asked, reply)).await?;
    flows::top(found, query, by.by).await.map(Json).map_err(Refusal)
}

fn queried<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Refusal> {
    let refused = |error: QueryRejection| Refusal(Problem::new(Code::Invalid, one_line(&error.body_text())));
    query.map(|Query(query)| query).map_err(refused)
}

// === changing ===

async fn run(
    State(engine): State<Commands>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    body: Body8,
) -> Answer<cofferdam_api::RunResponse> {
    let request = parse(body)?;
    let caller = peer.caller().await;
    ask(&engine, |reply| Command::Run(request, caller, reply)).await
}

/// A route for root: checks, parses, asks.
macro_rules! change {
    ($name:ident, $answer:ty, $command:expr) => {
        async fn $name(
            State(engine): State<Commands>,
            ConnectInfo(peer): ConnectInfo<Peer>,
            body: Body8,
        ) -> Answer<$answer> {
            peer.check()?;
            let request = parse(body)?;
            ask(&engine, |reply| $command(request, reply)).await
        }
    };
}

/// The same for a route without a body.
macro_rules! switch {
    ($name:ident, $answer:ty, $command:expr) => {
        async fn $name(
            State(engine): State<Commands>,
            ConnectInfo(peer): ConnectInfo<Peer>,
        ) -> Answer<$answer> {
            peer.check()?;
            ask(&engine, $command).await
        }
    };
}

change!(enforce, cofferdam_api::Changed, Command::Enforce);
change!(observe, cofferdam_api::Changed, Command::Observe);
change!(protect, cofferdam_api::Changed, Command::Protect);
change!(unprotect, cofferdam_api::Changed, Command::Unprotect);
change!(reload_policies, cofferdam_api::Policies, Command::ReloadPolicies);
change!(stop, cofferdam_api::Stopped, |request: StopRequest, reply| {
    Command::Stop(request.open, reply)
});
switch!(confirm, cofferdam_api::Changed, Command::Confirm);
switch!(rotate_key, cofferdam_api::KeyAnswer, Command::RotateKey);
switch!(off, cofferdam_api::Switched, |reply| Command::Off(true, reply));
switch!(on, cofferdam_api::Switched, |reply| Command::Off(false, reply));

// === how ===

type Body8 = Result<Bytes, BytesRejection>;

async fn ask<T: Serialize>(engine: &Commands, make: impl FnOnce(Reply<T>) -> Command) -> Answer<T> {
    ask_raw(engine, make).await.map(Json)
}

async fn ask_raw<T>(engine: &Commands, make: impl FnOnce(Reply<T>) -> Command) -> Result<T, Refusal> {
    let ending = || Refusal(Problem::new(Code::Unavailable, "the daemon is ending"));
    let (reply, answer) = oneshot::channel();
    engine.send(make(reply)).await.map_err(|_| ending())?;
    answer.await.map_err(|_| ending())?.map_err(Refusal)
}

fn parse<T: DeserializeOwned>(body: Body8) -> Result<T, Refusal> {
    let body = body.map_err(|error| {
        Refusal(
            Problem::new(Code::Invalid, one_line(&error.body_text()))
                .hint(format!("at most {BODY_LIMIT} bytes")),
        )
    })?;
    serde_json::from_slice(&body).map_err(|error| {
        Refusal(
            Problem::new(Code::Invalid, format!("the request cannot be read: {error}"))
                .hint(format!("GET {} describes every request", routes::OPENAPI)),
        )
    })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

// === impl Peer ===

impl Peer {
    fn check(&self) -> Result<(), Refusal> {
        may_change(&self.with_names(None, Vec::new())).map_err(Refusal)
    }

    /// With the names of its user and groups. Looking them up may ask a directory service, so it is done only where a
    /// rule will be asked, and on a thread that may wait.
    async fn caller(self) -> Caller {
        let (uid, gid) = (self.uid, self.gid);
        let (user, groups) = match uid {
            0 => (None, Vec::new()),
            _ => tokio::task::spawn_blocking(move || names_of(uid, gid))
                .await
                .unwrap_or_default(),
        };
        self.with_names(user, groups)
    }

    fn with_names(&self, user: Option<String>, groups: Vec<String>) -> Caller {
        Caller {
            uid: self.uid,
            pid: self.pid,
            pidfd: self.pidfd.clone(),
            user,
            groups,
        }
    }
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        let credentials = stream.io().peer_cred().ok();
        // Nobody: neither root nor in any group. The kernel always answers, but if it does not, nothing is allowed.
        let uid = credentials.as_ref().map_or(u32::MAX, |known| known.uid());
        let gid = credentials.as_ref().map_or(u32::MAX, |known| known.gid());
        let pid = credentials
            .and_then(|known| known.pid())
            .and_then(|pid| u32::try_from(pid).ok());
        let pidfd = getsockopt(stream.io(), sockopt::PeerPidfd).ok().map(Arc::new);
        Self {
            uid,
            gid,
            pid: pid.unwrap_or(0),
            pidfd,
        }
    }
}

fn names_of(uid: u32, gid: u32) -> (Option<String>, Vec<String>) {
    let Ok(Some(user)) = User::from_uid(Uid::from_raw(uid)) else {
        return (None, Vec::new());
    };
    let name = std::ffi::CString::new(user.name.clone()).unwrap_or_default();
    let groups = getgrouplist(&name, Gid::from_raw(gid)).unwrap_or_default();
    let name_of = |gid: Gid| Group::from_gid(gid).ok().flatten().map(|group| group.name);
    (Some(user.name), groups.into_iter().filter_map(name_of).collect())
}

// === impl Refusal ===

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self.0)).into_response()
    }
}
