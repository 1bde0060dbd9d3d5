//! One connection to the engine, from the first answer to the end of its event stream.

use std::collections::{HashMap, VecDeque};

use bollard::models::EventMessage;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, Stream, StreamExt};
use ipnet::IpNet;
use tokio::sync::mpsc;

use super::engine::{Engine, EngineError};
use super::event::{self, Notice};
use super::listing::{self, Listing};
use super::table::Table;
use super::{Change, DockerConfig};
use crate::{Container, ContainerId};

/// Why a session ended.
pub(super) enum End {
    /// Nobody listens any more.
    ReceiverGone,
    /// No engine, or no longer; `answered` if there was one.
    Lost {
        /// One line for the user.
        reason: String,
        /// Whether [`Change::Connected`] was sent.
        answered: bool,
    },
}

/// The receiver was dropped.
struct ReceiverGone;

/// A finished question.
enum Answer {
    Container(ContainerId, Result<Option<Container>, EngineError>),
    Sketch(ContainerId, Result<Option<Container>, EngineError>),
    Subnets(Result<Vec<IpNet>, EngineError>),
}

/// What to do when the inspection that is under way ends.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    /// Take its answer.
    Take,
    /// Take it and ask again: something happened meanwhile.
    AskAgain,
    /// Forget it: the container was destroyed.
    Forget,
}

struct Session<'a> {
    engine: Engine,
    table: &'a mut Table,
    changes: &'a mpsc::Sender<Change>,
    subnets: Vec<IpNet>,
    work: FuturesUnordered<BoxFuture<'static, Answer>>,
    /// Containers being inspected: one question at a time each, so that no older answer overtakes a newer.
    asked: HashMap<ContainerId, Then>,
    /// As `asked`, for the list of networks.
    networks_asked: Option<Then>,
}

/// Runs one session.
pub(super) async fn run(config: &DockerConfig, table: &mut Table, changes: &mpsc::Sender<Change>) -> End {
    let (engine, info) = match Engine::connect(config).await {
        Ok(connected) => connected,
        Err(error) => {
            return End::Lost {
                reason: absence(config, &error),
                answered: false,
            };
        }
    };
    // Subscribed before anything is listed: what happens in between is told twice rather than never.
    let mut events = Box::pin(engine.events());
    let old = info.is_too_old().then(|| {
        let text = "Docker's API {} is older than 1.41, and what it says may be misread\nhint: update Docker to 20.10 or later";
        Change::Trouble(text.replace("{}", &info.api_version))
    });
    for change in [Some(Change::Connected(info)), old].into_iter().flatten() {
        if changes.send(change).await.is_err() {
            return End::ReceiverGone;
        }
    }
    let mut backlog = VecDeque::new();
    let listing = tokio::select! {
        () = changes.closed() => return End::ReceiverGone,
        lost = gather(&mut events, &mut backlog) => return lost,
        listing = listing::take(&engine) => match listing {
            Ok(listing) => listing,
            Err(error) => return lost(&format!("its containers cannot be listed: {error}")),
        },
    };
    let mut session = Session {
        engine,
        table,
        changes,
        subnets: listing.subnets.clone(),
        work: FuturesUnordered::new(),
        asked: HashMap::new(),
        networks_asked: None,
    };
    let end = match session.start(listing, backlog).await {
        Ok(()) => session.follow(&mut events).await,
        Err(gone) => Err(gone),
    };
    end.unwrap_or(End::ReceiverGone)
}

/// Puts events aside while the list is made; returns only when the stream ends.
async fn gather<S>(events: &mut S, backlog: &mut VecDeque<Notice>) -> End
where
    S: Stream<Item = Result<EventMessage, bollard::errors::Error>> + Unpin,
{
    loop {
        match events.next().await {
            Some(Ok(message)) => backlog.extend(event::notice(&message)),
            Some(Err(error)) => return lost(&error.to_string()),
            None => return lost("it closed the connection"),
        }
    }
}

fn lost(reason: &str) -> End {
    End::Lost {
        reason: format!("lost Docker: {reason}"),
        answered: true,
    }
}

fn absence(config: &DockerConfig, error: &EngineError) -> String {
    let socket = config.socket.display();
    if config.socket.exists() {
        format!("Docker does not answer on {socket}: {error}")
    } else {
        format!("no Docker here: {socket} does not exist")
    }
}

// === impl Session ===

impl Session<'_> {
    /// Tells the whole truth, then catches up with what happened while it was gathered.
    async fn start(&mut self, listing: Listing, backlog: VecDeque<Notice>) -> Result<(), ReceiverGone> {
        let containers = self.table.replace(listing.containers);
        let mut news = vec![Change::Resync {
            containers,
            subnets: listing.subnets,
        }];
        news.extend(listing.troubles.into_iter().map(Change::Trouble));
        self.tell(news).await?;
        for id in listing.again {
            self.look(id);
        }
        for notice in backlog {
            self.heed(notice).await?;
        }
        Ok(())
    }

    async fn follow<S>(&mut self, events: &mut S) -> Result<End, ReceiverGone>
    where
        S: Stream<Item = Result<EventMessage, bollard::errors::Error>> + Unpin,
    {
        loop {
            tokio::select! {
                () = self.changes.closed() => return Err(ReceiverGone),
                message = events.next() => match message {
                    Some(Ok(message)) => if let Some(notice) = event::notice(&message) {
                        self.heed(notice).await?;
                    },
                    Some(Err(error)) => return Ok(lost(&error.to_string())),
                    None => return Ok(lost("it closed the connection")),
                },
                Some(answer) = self.work.next() => self.take(answer).await?,
            }
        }
    }

    async fn heed(&mut self, notice: Notice) -> Result<(), ReceiverGone> {
        match notice {
            Notice::Created(id) => {
                self.sketch(id.clone());
                self.look(id);
            }
            Notice::Look(id) => self.look(id),
            Notice::Networks if self.networks_asked.is_some() => self.networks_asked = Some(Then::AskAgain),
            Notice::Networks => self.ask_networks(),
            Notice::Services => self.table.ids().into_iter().for_each(|id| self.look(id)),
            Notice::Destroyed(id) => {
                if let Some(then) = self.asked.get_mut(&id) {
                    *then = Then::Forget;
                }
                let news = self.table.remove(&id);
                self.tell(news).await?;
            }
        }
        Ok(())
    }

    fn sketch(&mut self, id: ContainerId) {
        let engine = self.engine.clone();
        let question = async move {
            let answer = engine.sketch(&id).await;
            Answer::Sketch(id, answer)
        };
        self.work.push(question.boxed());
    }

    fn look(&mut self, id: ContainerId) {
        match self.asked.get_mut(&id) {
            Some(then @ Then::Take) => *then = Then::AskAgain,
            Some(_) => {}
            None => self.ask(id),
        }
    }

    fn ask(&mut self, id: ContainerId) {
        self.asked.insert(id.clone(), Then::Take);
        let engine = self.engine.clone();
        let question = async move {
            let answer = engine.container(&id).await;
            Answer::Container(id, answer)
        };
        self.work.push(question.boxed());
    }

    fn ask_networks(&mut self) {
        self.networks_asked = Some(Then::Take);
        let engine = self.engine.clone();
        self.work
            .push(async move { Answer::Subnets(engine.subnets().await) }.boxed());
    }

    async fn take(&mut self, answer: Answer) -> Result<(), ReceiverGone> {
        match answer {
            Answer::Container(id, answer) => self.take_container(id, answer).await,
            Answer::Sketch(id, answer) => self.take_sketch(id, answer).await,
            Answer::Subnets(answer) => self.take_subnets(answer).await,
        }
    }

    /// Counts only where nothing better is known. That it fails does not matter: it stands in for an inspection.
    async fn take_sketch(
        &mut self,
        id: ContainerId,
        answer: Result<Option<Container>, EngineError>,
    ) -> Result<(), ReceiverGone> {
        let destroyed = self.asked.get(&id) == Some(&Then::Forget);
        match answer {
            Ok(Some(container)) if !destroyed && !self.table.knows(&id) => {
                let news = self.table.put(container);
                self.tell(news).await
            }
            _ => Ok(()),
        }
    }

    async fn take_container(
        &mut self,
        id: ContainerId,
        answer: Result<Option<Container>, EngineError>,
    ) -> Result<(), ReceiverGone> {
        let then = self.asked.remove(&id).unwrap_or(Then::Take);
        if then == Then::Forget {
            return Ok(());
        }
        let ask_again = then == Then::AskAgain || answer.as_ref().is_err_and(EngineError::is_timeout);
        let news = match answer {
            Ok(Some(container)) => self.table.put(container),
            Ok(None) => self.table.remove(&id),
            Err(error) => {
                self.sketch(id.clone());
                vec![Change::Trouble(listing::trouble(&id, &error))]
            }
        };
        if ask_again {
            self.ask(id);
        }
        self.tell(news).await
    }

    async fn take_subnets(&mut self, answer: Result<Vec<IpNet>, EngineError>) -> Result<(), ReceiverGone> {
        let then = self.networks_asked.take();
        if then == Some(Then::AskAgain) {
            self.ask_networks();
        }
        match answer {
            Ok(subnets) if subnets == self.subnets => Ok(()),
            Ok(subnets) => {
                self.subnets.clone_from(&subnets);
                let containers = self.table.all();
                self.tell(vec![Change::Resync { containers, subnets }]).await
            }
            Err(error) => {
                self.tell(vec![Change::Trouble(format!(
                    "Docker cannot list its networks: {error}"
                ))])
                .await
            }
        }
    }

    // `&mut`: a shared borrow over an await would cost the whole future its `Send`.
    async fn tell(&mut self, news: Vec<Change>) -> Result<(), ReceiverGone> {
        for change in news {
            self.changes.send(change).await.map_err(|_| ReceiverGone)?;
        }
        Ok(())
    }
}
