//! What the daemon says, on a thread of its own: counts each second, the stream of what happens, that of denials, and the
//! past of one workload. A daemon that goes is asked again; records that come too fast are left to be left out by it.

use std::time::{Duration, Instant};

use cofferdam_api::{Client, ClientError, FlowQuery, FlowStream, FlowView};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::model::{Lot, News, Wanted};

/// Between two looks at the counts; longer, if one takes more than a tenth of this.
const POLL: Duration = Duration::from_secs(1);
const SHARE: u32 = 10;
const RARELY: Duration = Duration::from_secs(3);
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(10);
/// Records are passed on after this time, so many at once and no more in that time.
const BATCH: Duration = Duration::from_millis(200);
const MOST: usize = 400;
/// Records of the past.
const PAST: usize = 300;
/// How old a workload's may be: those of a quiet one would be searched for in all that is kept.
const OLD: Duration = Duration::from_secs(3600);
/// The cursor rests on a workload before its past is asked for.
const REST: Duration = Duration::from_millis(250);

/// Tells `news` until nobody listens.
pub(super) async fn feed(client: Client, news: mpsc::Sender<News>, wanted: watch::Receiver<Wanted>) {
    let denials = FlowQuery {
        denied: true,
        ..FlowQuery::default()
    };
    tokio::join!(
        poll(&client, &news),
        follow_the_wanted(&client, &news, wanted.clone()),
        follow(&client, &news, &denials, Lot::Denials, 0),
        fetch(&client, &news, wanted),
    );
}

async fn poll(client: &Client, news: &mpsc::Sender<News>) {
    loop {
        let start = Instant::now();
        let asked = timeout(PATIENCE, async {
            Ok((client.status().await?, client.workloads().await?.workloads))
        });
        let told = match asked.await {
            Ok(Ok((status, workloads))) => News::Answer(Box::new(status), workloads),
            Ok(Err(error)) => unreachable(&error),
            Err(_) => unreachable(&ClientError::Late),
        };
        if news.send(told).await.is_err() {
            return;
        }
        sleep((start.elapsed() * SHARE).clamp(POLL, RARELY)).await;
    }
}

fn unreachable(error: &ClientError) -> News {
    News::Unreachable {
        message: error.to_string(),
        hint: error.hint(),
    }
}

/// Follows with the filter there is, and anew when there is another one.
async fn follow_the_wanted(client: &Client, news: &mpsc::Sender<News>, mut wanted: watch::Receiver<Wanted>) {
    loop {
        let now = wanted.borrow_and_update().clone();
        let number = now.query_number;
        tokio::select! {
            () = follow(client, news, &now.query, Lot::Newest, number) => return,
            other = wanted.wait_for(|wanted| wanted.query_number != number) => if other.is_err() {
                return;
            },
        }
    }
}

/// Follows for ever; ends when nobody listens.
async fn follow(client: &Client, news: &mpsc::Sender<News>, query: &FlowQuery, lot: Lot, number: u64) {
    let query = FlowQuery {
        updates: true,
        limit: Some(PAST),
        ..query.clone()
    };
    loop {
        if let Ok(mut stream) = client.follow(&query).await {
            while let Some(told) = batch(&mut stream, lot, number).await {
                for told in told {
                    if news.send(told).await.is_err() {
                        return;
                    }
                }
            }
        }
        // Why it ended is told by who asks for the counts.
        if news.is_closed() {
            return;
        }
        sleep(POLL).await;
    }
}

/// What comes within a moment; `None`: the stream has ended.
async fn batch(stream: &mut FlowStream, lot: Lot, number: u64) -> Option<Vec<News>> {
    let end = tokio::time::Instant::now() + BATCH;
    let (mut flows, mut missed) = (Vec::new(), false);
    while flows.len() < MOST {
        match tokio::time::timeout_at(end, stream.next()).await {
            Err(_) => break,
            Ok(Ok(Some(flow))) => flows.push(flow),
            Ok(Err(ClientError::Refused(_))) => missed = true,
            Ok(Ok(None) | Err(_)) if flows.is_empty() => return None,
            Ok(Ok(None) | Err(_)) => break,
        }
    }
    // Who reads no faster is told so by the daemon, which then sends the newest.
    tokio::time::sleep_until(end).await;
    let mut told = Vec::new();
    if !flows.is_empty() {
        told.push(News::Records(lot, number, flows));
    }
    if missed {
        told.push(News::Missed);
    }
    Some(told)
}

/// The past of the workload under the cursor.
async fn fetch(client: &Client, news: &mpsc::Sender<News>, mut wanted: watch::Receiver<Wanted>) {
    let mut done = 0;
    loop {
        let other = wanted.wait_for(|wanted| wanted.workload_number != done).await;
        let Ok(now) = other.map(|wanted| wanted.clone()) else {
            return;
        };
        sleep(REST).await;
        if wanted.borrow().workload_number != now.workload_number {
            continue;
        }
        done = now.workload_number;
        let Some(name) = &now.workload else {
            continue;
        };
        for flows in past(client, name).await {
            if news.send(News::Records(Lot::Fetched, done, flows)).await.is_err() {
                return;
            }
        }
    }
}

async fn past(client: &Client, name: &str) -> Vec<Vec<FlowView>> {
    let since = cofferdam_api::Timestamp::now().checked_sub(OLD).ok();
    let mut found = Vec::new();
    for (from, to) in [(Some(name), None), (None, Some(name))] {
        let query = FlowQuery {
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
            since,
            limit: Some(PAST / 2),
            ..FlowQuery::default()
        };
        // A daemon that does not answer is told of by who asks for the counts.
        if let Ok(Ok(answer)) = timeout(PATIENCE, client.flows(&query)).await {
            found.push(answer.flows);
        }
    }
    found
}
