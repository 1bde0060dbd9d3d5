//! The API over a real socket, with a loop of three lines in place of the engine.

use std::path::PathBuf;

use cofferdam_api::{Client, ClientError, Code, FlowQuery, ProtectRequest, StopRequest, Stopped, VERSION};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::command::{Command, Followed};

struct Stage {
    _folder: tempfile::TempDir,
    socket: PathBuf,
    commands: mpsc::Receiver<Command>,
    _stop: oneshot::Sender<()>,
}

fn stage() -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    let (sender, commands) = mpsc::channel(4);
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(super::serve(listener, sender, stopped));
    Stage {
        _folder: folder,
        socket,
        commands,
        _stop: stop,
    }
}

/// Status line and body of one raw request.
async fn raw(stage: &Stage, request: &str) -> (String, String) {
    let mut stream = UnixStream::connect(&stage.socket).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

fn post(route: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {route} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
}

#[tokio::test]
async fn every_refusal_is_a_problem() {
    let stage = stage();
    let get = "GET /v1/nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let (status, body) = raw(&stage, get).await;
    assert_eq!(
        (status.as_str(), body.contains("\"not-found\"")),
        ("HTTP/1.1 404 Not Found", true),
        "{body}"
    );
    let (status, body) = raw(&stage, &post("/v1/explain", "{\"from\":")).await;
    assert!(
        status.contains("400") && body.contains("\"invalid\"") && body.contains("line 1"),
        "{status} {body}"
    );
    let (status, body) = raw(
        &stage,
        &post("/v1/explain", "{\"from\":\"a\",\"to\":\"b\",\"port\":1,\"x\":1}"),
    )
    .await;
    assert!(
        status.contains("400") && body.contains("unknown field `x`"),
        "{status} {body}"
    );
    let query = "GET /v1/flows?port=many HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let (status, body) = raw(&stage, query).await;
    assert!(
        status.contains("400") && body.contains("\"invalid\""),
        "{status} {body}"
    );
    let (status, body) = raw(&stage, &post("/v1/explain", &"x".repeat(super::BODY_LIMIT + 1))).await;
    assert!(
        status.contains("400") && body.contains("at most 65536 bytes"),
        "{status} {body}"
    );
}

#[tokio::test]
async fn changing_is_for_root() {
    let mut stage = stage();
    let client = Client::new(&stage.socket);
    let root = nix::unistd::geteuid().is_root();
    let engine = tokio::spawn(async move {
        let Some(Command::Stop(open, reply)) = stage.commands.recv().await else {
            return;
        };
        let _ = reply.send(Ok(Stopped {
            version: VERSION,
            open,
            workloads: 2,
        }));
    });
    let answer = client.stop(&StopRequest { open: true }).await;
    match answer {
        Ok(stopped) => assert!(root && stopped.open && stopped.workloads == 2),
        Err(ClientError::Refused(problem)) => assert!(!root && problem.code == Code::Forbidden),
        Err(error) => panic!("{error}"),
    }
    engine.abort();
}

#[tokio::test]
async fn an_engine_that_is_gone_is_said() {
    let mut stage = stage();
    stage.commands.close();
    let request = ProtectRequest {
        name: "x".into(),
        ..ProtectRequest::default()
    };
    match Client::new(&stage.socket).protect(&request).await {
        Err(ClientError::Refused(problem)) => {
            assert!(
                matches!(problem.code, Code::Unavailable | Code::Forbidden),
                "{problem}"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_followed_answer_ends_with_the_feed() {
    let mut stage = stage();
    let socket = stage.socket.clone();
    let reader = tokio::spawn(async move {
        let query = FlowQuery {
            follow: true,
            ..FlowQuery::default()
        };
        let mut stream = Client::new(socket).follow(&query).await.unwrap();
        stream.next().await.unwrap()
    });
    let Some(Command::Flows(query, reply)) = stage.commands.recv().await else {
        panic!("flows")
    };
    assert!(query.follow);
    let (feed, receiver) = broadcast::channel(1);
    assert!(
        reply
            .send(Ok(Followed {
                older: None,
                lost: 0,
                past: Vec::new(),
                feed: Some(receiver)
            }))
            .is_ok()
    );
    drop(feed);
    assert!(reader.await.unwrap().is_none(), "a clean end");
}
