//! Flows as they are answered: what a file holds is sent piece by piece, so that an answer of any length needs little
//! memory.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use cofferdam_api::{Code, FlowQuery, FlowView, Problem, Top, TopBy, VERSION};
use futures_util::stream::{self, StreamExt};
use tokio::sync::{broadcast, mpsc};

use crate::command::Followed;
use crate::flows::Sums;

/// How often a follower that hears nothing gets an empty line: writing is how a gone reader is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Pieces that wait for a reader.
const AHEAD: usize = 4;
/// Records in one piece.
const PIECE: usize = 256;

/// What stands around the records and between them.
struct Frame {
    before: String,
    between: &'static str,
    after: &'static str,
}

/// The past; with a feed, then what comes, one object a line. It ends cleanly when the daemon does.
pub(super) fn answer(found: Followed, query: FlowQuery) -> Response {
    let Followed {
        older,
        past,
        lost,
        feed,
    } = found;
    let (pieces, taken) = mpsc::channel(AHEAD);
    let frame = if feed.is_some() {
        Frame::lines()
    } else {
        Frame::array(lost)
    };
    let asked = query.clone();
    tokio::task::spawn_blocking(move || {
        let mut out = Out::new(frame, pieces);
        if let Some(older) = older {
            let limit = asked.limit.map(|limit| limit.saturating_sub(past.len()));
            if let Err(error) = older.read(&asked, limit, |flows| out.write(&flows)) {
                tracing::error!("flow records cannot be read: {error}");
            }
        }
        past.chunks(PIECE).all(|some| out.write(some));
        out.end();
    });
    let past = stream::unfold(taken, |mut taken| async move {
        let piece: Bytes = taken.recv().await?;
        Some((Ok::<_, Infallible>(piece), taken))
    });
    let Some(feed) = feed else {
        return typed("application/json", Body::from_stream(past));
    };
    let rest = stream::unfold((feed, query), |(mut feed, query)| async move {
        let text = next_line(&mut feed, &query).await?;
        Some((Ok(Bytes::from(text)), (feed, query)))
    });
    typed("application/x-ndjson", Body::from_stream(past.chain(rest)))
}

/// The same in sums.
pub(super) async fn top(found: Followed, query: FlowQuery, by: TopBy) -> Result<Top, Problem> {
    let work = move || {
        let mut sums = Sums::new(by);
        if let Some(older) = found.older {
            let all = |flows: Vec<FlowView>| {
                flows.into_iter().for_each(|flow| sums.add(flow));
                true
            };
            older.read(&query, None, all).map_err(|error| {
                Problem::new(Code::Internal, format!("flow records cannot be read: {error}"))
            })?;
        }
        found.past.into_iter().for_each(|flow| sums.add(flow));
        Ok(Top {
            lost: found.lost,
            ..sums.top(query.limit)
        })
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Problem::new(Code::Internal, "the sums failed")))
}

fn typed(kind: &'static str, body: Body) -> Response {
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

async fn next_line(feed: &mut broadcast::Receiver<FlowView>, query: &FlowQuery) -> Option<String> {
    loop {
        match tokio::time::timeout(KEEP_ALIVE, feed.recv()).await {
            Err(_) => return Some("\n".to_owned()),
            Ok(Ok(flow)) if query.matches(&flow) => return Some(line(&flow)),
            Ok(Ok(_)) => {}
            // A `Problem` in a line of its own is a remark; the stream goes on.
            Ok(Err(broadcast::error::RecvError::Lagged(lost))) => {
                let remark = Problem::new(
                    Code::Unavailable,
                    format!("{lost} records were lost: the reader is too slow"),
                );
                return Some(serde_json::to_string(&remark).unwrap_or_default() + "\n");
            }
            Ok(Err(broadcast::error::RecvError::Closed)) => return None,
        }
    }
}

fn line(flow: &FlowView) -> String {
    serde_json::to_string(flow)
        .map(|text| text + "\n")
        .unwrap_or_default()
}

// === impl Frame ===

impl Frame {
    /// [`Flows`](cofferdam_api::Flows), by hand, because its array is not in memory.
    fn array(lost: u64) -> Self {
        Self {
            before: format!("{{\"version\":{VERSION},\"lost\":{lost},\"flows\":["),
            between: ",",
            after: "]}",
        }
    }

    fn lines() -> Self {
        Self {
            before: String::new(),
            between: "\n",
            after: "\n",
        }
    }
}

// === writing ===

/// Records on their way to a reader who may be slow, or gone.
struct Out {
    frame: Frame,
    pieces: mpsc::Sender<Bytes>,
    written: bool,
}

impl Out {
    fn new(frame: Frame, pieces: mpsc::Sender<Bytes>) -> Self {
        let out = Self {
            frame,
            pieces,
            written: false,
        };
        out.send(out.frame.before.clone());
        out
    }

    /// `false`: nobody reads any more.
    fn write(&mut self, flows: &[FlowView]) -> bool {
        let mut piece = String::new();
        for flow in flows {
            if std::mem::replace(&mut self.written, true) {
                piece.push_str(self.frame.between);
            }
            piece.push_str(&serde_json::to_string(flow).unwrap_or_else(|_| "{}".to_owned()));
        }
        self.send(piece)
    }

    fn end(&self) {
        // Lines end with their last record, if there is one.
        if self.written || self.frame.between == "," {
            self.send(self.frame.after.to_owned());
        }
    }

    fn send(&self, piece: String) -> bool {
        piece.is_empty() || self.pieces.blocking_send(piece.into()).is_ok()
    }
}
