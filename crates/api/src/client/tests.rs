use std::path::PathBuf;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use super::*;
use crate::{Code, Verdict};

/// A socket path that exists as long as this value.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("cofferdam-api-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("s")
    }

    /// Answers one request with `answer` and returns what was asked.
    fn answer(&self, answer: &'static str) -> tokio::task::JoinHandle<String> {
        let listener = UnixListener::bind(self.socket()).unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4096];
            let length = stream.read(&mut asked).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&asked[..length]).into_owned()
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_missing_or_dead_socket_is_an_absent_daemon() {
    let place = Place::new("absent");
    let client = Client::new(place.socket());
    let error = client.status().await.unwrap_err();
    assert!(error.is_absent());
    assert!(
        error.to_string().starts_with("the daemon is not running"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("cofferdam daemon"));

    drop(UnixListener::bind(place.socket()).unwrap());
    assert!(client.status().await.unwrap_err().is_absent());
}

#[tokio::test]
async fn a_problem_keeps_its_hint() {
    let place = Place::new("problem");
    let server = place.answer(concat!(
        "HTTP/1.1 404 Not Found\r\ncontent-length: 78\r\n\r\n",
        r#"{"code":"not-found","message":"no workload `x`","hint":"see `cofferdam ps`"}  "#
    ));
    let request = ProtectRequest {
        name: "x".into(),
        ..ProtectRequest::default()
    };
    let error = Client::new(place.socket()).protect(&request).await.unwrap_err();
    assert_eq!(error.to_string(), "no workload `x`");
    assert_eq!(error.hint().unwrap(), "see `cofferdam ps`");
    let ClientError::Refused(problem) = error else {
        panic!("{error:?}")
    };
    assert_eq!(problem.code, Code::NotFound);
    let asked = server.await.unwrap();
    assert!(asked.starts_with("POST /v1/protect HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("content-type: application/json"), "{asked}");
}

#[tokio::test]
async fn a_stranger_on_the_socket_is_named_as_such() {
    let place = Place::new("stranger");
    let _server = place.answer("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 4\r\n\r\noops");
    let error = Client::new(place.socket()).status().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read the daemon's answer: HTTP status 502 Bad Gateway"
    );
}

#[tokio::test]
async fn a_followed_answer_is_read_line_by_line() {
    let place = Place::new("follow");
    let flow = r#"{"time":"2026-03-01T10:00:00Z","verdict":"deny","reason":"rule","hook":"connect4","mode":"enforce","from":{"class":"host"},"to":{"class":"world"},"protocol":"tcp","destination":"[::1]:80","repeats":2}"#;
    let lost = r#"{"code":"unavailable","message":"3 flows were lost"}"#;
    let first: &'static str = Box::leak(
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n\n\r\n{:x}\r\n{flow}\n{lost}\n\r\n0\r\n\r\n",
            flow.len() + lost.len() + 2
        )
        .into_boxed_str(),
    );
    let server = place.answer(first);
    let query = FlowQuery {
        denied: true,
        ..FlowQuery::default()
    };
    let mut stream = Client::new(place.socket()).follow(&query).await.unwrap();
    let flow = stream.next().await.unwrap().unwrap();
    assert_eq!((flow.verdict, flow.repeats), (Verdict::Deny, 2));
    assert_eq!(stream.next().await.unwrap_err().to_string(), "3 flows were lost");
    assert!(stream.next().await.unwrap().is_none());
    assert!(
        server
            .await
            .unwrap()
            .starts_with("GET /v1/flows?denied=true&follow=true HTTP/1.1")
    );
}
