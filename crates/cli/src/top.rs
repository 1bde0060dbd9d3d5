//! `cofferdam top`: workloads, flows and denials as they happen, on a screen.
//!
//! `model` is what is known and looked at, `draw` makes a frame of it, `feed` asks the daemon on a thread of its own,
//! `terminal` takes the terminal over and gives it back.

use std::time::{Duration, Instant};

use cofferdam_api::{Client, Timestamp};
use jiff::tz::TimeZone;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::args::TopArgs;
use crate::failure::Failure;
use crate::output::{Call, runtime};
use filter::Filter;
use look::Look;
use model::{Model, News, Wanted};
use terminal::Screen;

mod draw;
mod feed;
mod filter;
#[cfg(test)]
mod fixture;
mod look;
mod model;
mod terminal;

/// Between two frames, unless a key is pressed.
const TICK: Duration = Duration::from_millis(250);
/// After a key that comes from a pasted text or a held key, frames still have this distance.
const FRAME: Duration = Duration::from_millis(30);
/// How long the screen may take to end after a signal.
const GRACE: Duration = Duration::from_secs(2);
/// What waits to be taken; more is not read from the daemon.
const AHEAD: usize = 16;

/// Draws until the user leaves.
pub(crate) fn top(call: &Call, args: &TopArgs) -> Result<u8, Failure> {
    terminal::check(call.json)?;
    let filter = Filter::parse(&args.filter.join(" "), &crate::when::now())?;
    // Who has no daemon, or no permission, is told so as by every other command.
    call.wait(call.client.status())?;
    let model = Model::new(filter, Instant::now());
    let (news, arrived) = mpsc::channel(AHEAD);
    let (ask, wanted) = watch::channel(model.wanted().clone());
    let client = call.client.clone();
    let feed = std::thread::Builder::new().name("feed".to_owned());
    let running = runtime()?;
    feed.spawn(move || running.block_on(told(client, news, wanted)))
        .map_err(|error| Failure::new(format!("cannot start a thread: {error}")))?;
    let mut screen = Screen::open().map_err(|error| lost(&error))?;
    let ended = run(&mut screen, model, arrived, &ask);
    drop(screen);
    ended
}

/// Feeds, and tells of signals, until the screen has gone.
async fn told(client: Client, news: mpsc::Sender<News>, wanted: watch::Receiver<Wanted>) {
    let end = |kind: SignalKind| {
        let news = news.clone();
        async move {
            if let Ok(mut signals) = signal(kind) {
                signals.recv().await;
                let number = kind.as_raw_value();
                // Without waiting for room: whoever draws may hang in a terminal that takes nothing any more.
                let _ = news.try_send(News::Signal(number));
                // Who reads a terminal that was closed in that moment never returns.
                tokio::time::sleep(GRACE).await;
                let _ = std::thread::spawn(terminal::give_back);
                tokio::time::sleep(FRAME).await;
                std::process::exit(128 + number);
            }
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = feed::feed(client, news.clone(), wanted) => {}
        () = end(SignalKind::terminate()) => {}
        () = end(SignalKind::hangup()) => {}
        () = end(SignalKind::interrupt()) => {}
    }
}

fn run(
    screen: &mut Screen,
    mut model: Model,
    mut arrived: mpsc::Receiver<News>,
    ask: &watch::Sender<Wanted>,
) -> Result<u8, Failure> {
    let look = Look::of(|name| std::env::var(name).ok());
    let zone = TimeZone::system();
    let mut next = Instant::now();
    let mut drawn = next.checked_sub(FRAME).unwrap_or(next);
    let mut stale = true;
    loop {
        let (now, time) = (Instant::now(), Timestamp::now());
        loop {
            match arrived.try_recv() {
                Ok(News::Signal(number)) => return Ok(128 + u8::try_from(number).unwrap_or(0)),
                Ok(news) => model.take(news, now, time),
                Err(mpsc::error::TryRecvError::Empty) => break,
                Err(mpsc::error::TryRecvError::Disconnected) => {
                    return Err(Failure::new("what asks the daemon has ended"));
                }
            }
        }
        if now >= next {
            model.tick(now, time);
            (next, stale) = (now + TICK, true);
        }
        if stale && now >= drawn + FRAME {
            let local = time.to_zoned(zone.clone());
            screen
                .draw(|frame| draw::draw(frame, &mut model, look, &local))
                .map_err(|error| lost(&error))?;
            (drawn, stale) = (now, false);
        }
        let until = if stale { next.min(drawn + FRAME) } else { next };
        if keys(&mut model, until, &zone, &mut stale)? {
            return Ok(crate::OK);
        }
        ask.send_if_modified(|wanted| {
            let other = wanted != model.wanted();
            wanted.clone_from(model.wanted());
            other
        });
    }
}

/// Waits for keys until then, and takes all that there are; `true`: the user wants to leave.
fn keys(model: &mut Model, until: Instant, zone: &TimeZone, stale: &mut bool) -> Result<bool, Failure> {
    terminal::wait(until.saturating_duration_since(Instant::now())).map_err(|error| lost(&error))?;
    while event::poll(Duration::ZERO).map_err(|error| lost(&error))? {
        *stale = true;
        match event::read().map_err(|error| lost(&error))? {
            Event::Key(key)
                if key.kind != KeyEventKind::Release
                    && model.key(key, &Timestamp::now().to_zoned(zone.clone())) =>
            {
                return Ok(true);
            }
            _ => {}
        }
    }
    Ok(false)
}

/// There is nobody to tell, but whoever started this may look at its status.
fn lost(error: &std::io::Error) -> Failure {
    Failure::new(format!("the terminal is gone: {error}"))
}
