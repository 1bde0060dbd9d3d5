//! `/metrics`: on the API's socket, and for whom the configuration says on an address.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cofferdam_api::routes;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::{Commands, Refusal, ask_raw};
use crate::command::Command;
use crate::metrics::Format;

/// Serves nothing but `/metrics` until `stop` is sent or dropped.
pub(crate) async fn serve(listener: TcpListener, commands: Commands, stop: oneshot::Receiver<()>) {
    let app = Router::new()
        .route(routes::METRICS, get(answer))
        .fallback(|| async { (StatusCode::NOT_FOUND, "only /metrics is served here\n") })
        .with_state(commands);
    let stopped = async {
        // Dropped without a word means the same.
        let _ = stop.await;
    };
    if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(stopped).await {
        tracing::error!("metrics are not served any more: {error}");
    }
}

pub(super) async fn answer(State(engine): State<Commands>, headers: HeaderMap) -> Result<Response, Refusal> {
    let scrape = ask_raw(&engine, Command::Metrics).await?;
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::wanted(accept.unwrap_or_default());
    let text = scrape.metrics.text(&scrape.facts, format);
    Ok(([(header::CONTENT_TYPE, format.content_type())], text).into_response())
}
