//! `/metrics`: on the API's socket, and for whom the configuration says on an address.
//!
//! Whoever reaches the address must not be able to use up the daemon's descriptors: few connections at once, each for one
//! answer and not for long.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use cofferdam_api::routes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Sleep;

use super::{Commands, Refusal, ask_raw};
use crate::command::Command;
use crate::metrics::Format;

/// Connections at once; the others wait in the kernel.
const AT_ONCE: usize = 16;
/// How long one may last. Prometheus gives up after ten seconds, too.
const LIFE: Duration = Duration::from_secs(10);

/// Serves nothing but `/metrics` until `stop` is sent or dropped.
pub(crate) async fn serve(listener: TcpListener, commands: Commands, stop: oneshot::Receiver<()>) {
    let app = Router::new()
        .route(routes::METRICS, get(answer_once))
        .fallback(|| async { (StatusCode::NOT_FOUND, "only /metrics is served here\n") })
        .with_state(commands);
    let stopped = async {
        // Dropped without a word means the same.
        let _ = stop.await;
    };
    let few = Few {
        listener,
        permits: Arc::new(Semaphore::new(AT_ONCE)),
    };
    if let Err(error) = axum::serve(few, app).with_graceful_shutdown(stopped).await {
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

async fn answer_once(engine: State<Commands>, headers: HeaderMap) -> Response {
    let mut response = answer(engine, headers).await.into_response();
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// Accepts while there are permits.
struct Few {
    listener: TcpListener,
    permits: Arc<Semaphore>,
}

/// A connection that ends when its time is over.
struct Brief {
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    _permit: Option<OwnedSemaphorePermit>,
}

// === impl Few ===

impl Listener for Few {
    type Io = Brief;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Brief, SocketAddr) {
        // The semaphore is never closed.
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        let (stream, from) = Listener::accept(&mut self.listener).await;
        let connection = Brief {
            stream,
            end: Box::pin(tokio::time::sleep(LIFE)),
            _permit: permit,
        };
        (connection, from)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

// === impl Brief ===

impl Brief {
    fn over(&mut self, context: &mut Context<'_>) -> Option<io::Error> {
        let over = self.end.as_mut().poll(context).is_ready();
        over.then(|| io::ErrorKind::TimedOut.into())
    }
}

impl AsyncRead for Brief {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.over(context) {
            Some(error) => Poll::Ready(Err(error)),
            None => Pin::new(&mut self.stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Brief {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.over(context) {
            Some(error) => Poll::Ready(Err(error)),
            None => Pin::new(&mut self.stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
