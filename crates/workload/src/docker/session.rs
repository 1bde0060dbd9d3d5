//! One connection to the engine, from the first answer to the end of its event stream.

use std::collections::{HashMap, VecDeque};

use bollard::models::EventMessage;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, Stream, StreamExt, TryStreamExt};
use ipnet::IpNet;
use tokio::sync::mpsc;

use super::engine::{Engine, EngineError};
use super::event::{self, Notice};
use super::table::Table;
use super::{Change, DockerConfig};
use crate::{Container, ContainerId};

/// How many inspections run at once while all containers are listed.
const AT_ONCE: usize = 16;

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
    if changes.send(Change::Connected(info)).await.is_err() {
        return End::ReceiverGone;
    }
    let mut backlog = VecDeque::new();
    let (containers, subnets) = tokio::select! {
        () = changes.closed() => return End::ReceiverGone,
        lost = gather(&mut events, &mut backlog) => return lost,
        listed = list(&engine) => match listed {
            Ok(listed) => listed,
            Err(error) => return lost(&format!("its containers cannot be listed: {error}")),
        },
    };
    let resync = Change::Resync {
        containers: table.replace(containers),
        subnets: subnets.clone(),
    };
    if changes.send(resync).await.is_err() {
        return End::ReceiverGone;
    }
    let mut session = Session {
        engine,
        table,
        changes,
        subnets,
        work: FuturesUnordered::new(),
        asked: HashMap::new(),
        networks_asked: None,
    };
    session
        .follow(&mut events, backlog)
        .await
        .unwrap_or_else(|ReceiverGone| End::ReceiverGone)
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

/// Every container and every subnet. One that disappears in between is left out.
async fn list(engine: &Engine) -> Result<(Vec<Container>, Vec<IpNet>), EngineError> {
    let subnets = engine.subnets().await?;
    let ids = engine.ids().await?;
    let inspections = ids
        .into_iter()
        .map(|id| async move { engine.container(&id).await });
    let containers: Vec<_> = futures_util::stream::iter(inspections)
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    Ok((containers.into_iter().flatten().collect(), subnets))
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
    async fn follow<S>(&mut self, events: &mut S, backlog: VecDeque<Notice>) -> Result<End, ReceiverGone>
    where
        S: Stream<Item = Result<EventMessage, bollard::errors::Error>> + Unpin,
    {
        for notice in backlog {
            self.heed(notice).await?;
        }
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
            Notice::Look(id) => self.look(id),
            Notice::Networks if self.networks_asked.is_some() => self.networks_asked = Some(Then::AskAgain),
            Notice::Networks => self.ask_networks(),
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
            Answer::Subnets(answer) => self.take_subnets(answer).await,
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
                let name = id.short();
                vec![Change::Trouble(format!(
                    "Docker cannot say what container {name} is: {error}"
                ))]
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

    async fn tell(&self, news: Vec<Change>) -> Result<(), ReceiverGone> {
        for change in news {
            self.changes.send(change).await.map_err(|_| ReceiverGone)?;
        }
        Ok(())
    }
}
