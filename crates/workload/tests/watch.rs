//! What holds for `watch` on any machine, with no engine at all.

use std::time::Duration;

use cofferdam_workload::{Change, DockerConfig, watch};
use tokio::sync::mpsc;
use tokio::time::timeout;

fn absent() -> DockerConfig {
    DockerConfig {
        socket: "/nonexistent/docker.sock".into(),
        backoff_max: Duration::from_millis(100),
        ..DockerConfig::default()
    }
}

#[tokio::test]
async fn no_docker_is_told_once_and_the_watch_goes_on_until_nobody_listens() {
    let (sender, mut changes) = mpsc::channel(8);
    // Spawned: the daemon needs the future to be `Send`.
    let watching = tokio::spawn(watch(absent(), sender));
    let first = timeout(Duration::from_secs(5), changes.recv()).await.unwrap();
    assert_eq!(
        first,
        Some(Change::Disconnected(
            "no Docker here: /nonexistent/docker.sock does not exist".into()
        ))
    );
    assert!(timeout(Duration::from_millis(500), changes.recv()).await.is_err());
    drop(changes);
    timeout(Duration::from_secs(5), watching).await.unwrap().unwrap();
}
