//! From the command line to a running engine, and to its end: checks, locks, loads, listens, says one line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cofferdam_workload::{Change, DockerConfig, host};
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::config::{Config, ConfigError, OnDead};
use crate::enforcer::{Enforcer, Settings, own_netns};
use crate::engine::{Engine, Ground, Inbox};
use crate::error::chain;
use crate::lock::Lock;
use crate::preflight::{Cgroups, preflight};
use crate::resolve::HostFacts;
use crate::state::{Loaded, State};
use crate::{Error, Kinds, Options, config, http, socket};

/// How long after its start the daemon waits for Docker's list; what is in the state file is in force before that.
const FIRST_LOOK: Duration = Duration::from_millis(800);
/// How long the end waits for answers that are on their way.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// Messages that may wait for the engine.
const QUEUE: usize = 256;

/// The configuration with the command line laid over it.
pub(crate) fn configuration(options: &Options) -> Result<Config, ConfigError> {
    let mut config = config::load(&options.config)?;
    config.default = options.default_profile.unwrap_or(config.default);
    config.mode = options.mode.unwrap_or(config.mode);
    if let Some(folder) = &options.policies {
        config.policy.folder.clone_from(folder);
    }
    Ok(config)
}

/// Where Docker is sought.
pub(crate) fn docker_socket(options: &Options, config: &Config) -> PathBuf {
    let chosen = options
        .docker_socket
        .clone()
        .or_else(|| config.docker.socket.clone());
    chosen.unwrap_or_else(|| Options::DOCKER_SOCKET.into())
}

/// The nice value of the daemon: what it does takes milliseconds.
const PRIORITY: i32 = -10;

/// The whole life of a daemon.
pub(crate) fn run(options: Options) -> Result<(), Error> {
    let started = Instant::now();
    // Every thread of it: a policy that waits for the host's other work is not in force. Refused, it waits its turn.
    let _ = rustix::process::setpriority_process(None, PRIORITY);
    let ready = prepare(options, started)?;
    let runtime = runtime()?;
    runtime.block_on(live(ready))
}

/// Puts the saved state into the kernel and leaves it there: no Docker, no API.
pub(crate) fn early(options: Options) -> Result<(), Error> {
    let started = Instant::now();
    let ready = prepare(options, started)?;
    runtime()?.block_on(async {
        let (mut engine, _lock) = ready.engine().await?;
        engine.settle();
        engine.finish_change();
        engine.finish_saving();
        println!("{}", engine.start_line("saved state in force"));
        Ok(())
    })
}

/// Ends what a dead daemon left in force; the number of workloads that are open now.
pub(crate) fn open(options: Options) -> Result<usize, Error> {
    let started = Instant::now();
    let socket = options.socket.clone();
    let pins = std::fs::read_dir(&options.bpffs).into_iter().flatten().count();
    if pins == 0 {
        return Err(Error::Preflight {
            what: format!("nothing is enforced: {} holds no pins", options.bpffs.display()),
            hint: "name the folder of that daemon with --bpffs".to_owned(),
        });
    }
    let ready = prepare(options, started)?;
    runtime()?.block_on(async {
        let (engine, _lock) = ready.engine().await?;
        let protected = engine.protected_count();
        engine.remove()?;
        let _ = std::fs::remove_file(socket);
        Ok(protected)
    })
}

/// What is in hand before anything was loaded.
struct Ready {
    options: Options,
    config: Config,
    cgroups: Cgroups,
    state: State,
    lock: Lock,
    started: Instant,
}

fn prepare(options: Options, started: Instant) -> Result<Ready, Error> {
    let config = configuration(&options)?;
    let cgroups = preflight(&options)?;
    let lock = Lock::take(&options.state_dir, &options.bpffs)?;
    let (state, loaded) = State::load(&options.state_dir)?;
    if let Loaded::SetAside { path, why } = loaded {
        tracing::error!(
            "the state file was broken ({why}) and lies aside as {}: what the kernel holds stays \
             enforced or observed as it is; where it holds nothing this is a first start again",
            path.display()
        );
    }
    Ok(Ready {
        options,
        config,
        cgroups,
        state,
        lock,
        started,
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    // One worker beside the engine's own thread: the API and Docker are never in each other's way for long.
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(Error::io("start threads of", "/proc/self"))
}

async fn live(ready: Ready) -> Result<(), Error> {
    let socket_path = ready.options.socket.clone();
    let group = ready.config.socket.group.clone();
    // Docker is asked while the kernel verifies the programs, which takes most of the start.
    let (mut inbox, commands) = open_inbox(docker_config(&ready.options, &ready.config));
    let patience = ready.started + FIRST_LOOK;
    // Before the programs: what cannot listen must not leave something in the kernel.
    let (listener, socket) = socket::bind(&socket_path, &group)?;
    let scraped = ready.config.metrics.listen;
    let (mut engine, lock) = ready.engine().await?;
    let (stop_serving, stopped) = oneshot::channel();
    let (stop_scraping, scraping_stopped) = oneshot::channel();
    match listen(scraped).await {
        Ok(Some(listener)) => drop(tokio::spawn(http::serve_metrics(
            listener,
            commands.clone(),
            scraping_stopped,
        ))),
        Ok(None) => {}
        Err(line) => engine.complain(line),
    }
    let server = tokio::spawn(http::serve(listener, commands, stopped));
    engine.first_look(&mut inbox.docker, patience).await;
    engine.settle();
    engine.keep_flows();
    engine.configure_exports();
    let line = engine.start_line("ready");
    println!("{line}");
    let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&line)]);
    let ending = engine.run(&mut inbox).await;
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    // The engine goes before the server: whoever follows flows is told by the feed's end, and `stop` by its answer.
    let done = match ending {
        Ok(ending) => engine.finish(ending),
        Err(error) => Err(error),
    };
    drop(inbox);
    drop(stop_scraping);
    let _ = stop_serving.send(());
    let _ = tokio::time::timeout(LAST_ANSWERS, server).await;
    drop((socket, lock));
    done
}

/// Where everybody may scrape. An address that cannot be had keeps nothing from being enforced.
async fn listen(address: Option<SocketAddr>) -> Result<Option<TcpListener>, String> {
    let Some(address) = address else {
        return Ok(None);
    };
    let bound = TcpListener::bind(address).await;
    bound.map(Some).map_err(|error| {
        format!(
            "metrics are not served on {address}: {error}; hint: write another address into [metrics] listen"
        )
    })
}

fn docker_config(options: &Options, config: &Config) -> Option<DockerConfig> {
    let socket = docker_socket(options, config);
    (options.kinds != Kinds::Processes).then(|| DockerConfig {
        socket,
        ..DockerConfig::default()
    })
}

fn open_inbox(docker: Option<DockerConfig>) -> (Inbox, mpsc::Sender<crate::command::Command>) {
    let (changes, docker_inbox) = mpsc::channel::<Change>(QUEUE);
    let (commands, command_inbox) = mpsc::channel(QUEUE);
    let (moved, host_inbox) = mpsc::channel(1);
    if let Some(config) = docker {
        tokio::spawn(cofferdam_workload::watch(config, changes));
    }
    tokio::spawn(async move {
        if let Err(error) = host::watch_addresses(moved).await {
            tracing::error!("changes of the host's addresses are not seen: {}", chain(&error));
        }
    });
    (
        Inbox {
            docker: docker_inbox,
            commands: command_inbox,
            host: host_inbox,
        },
        commands,
    )
}

// === impl Ready ===

impl Ready {
    /// Loads or adopts the data plane and brings it to what the state says.
    async fn engine(self) -> Result<(Engine, Lock), Error> {
        let host = host_facts().await?;
        let settings = Settings {
            bpffs: self.options.bpffs.clone(),
            cgroup_root: self.cgroups.root.clone(),
            on_dead_closed: self.config.on_dead == OnDead::Closed,
        };
        let enforcer =
            Enforcer::open(&settings, self.state.rules.clone()).map_err(|error| Error::datapath(&error))?;
        let ground = Ground {
            options: self.options,
            config: self.config,
            state: self.state,
            enforcer,
            cgroup2: self.cgroups.hierarchy,
            cgroup_root: self.cgroups.root,
            host,
            started: self.started,
        };
        Ok((Engine::new(ground)?, self.lock))
    }
}

async fn host_facts() -> Result<HostFacts, Error> {
    let failed = |what: String| Error::Preflight {
        what: format!("the host's network cannot be read: {what}"),
        hint: "the daemon needs /proc, and netlink in its network namespace".to_owned(),
    };
    let resolvers = host::resolvers("/etc/resolv.conf".as_ref()).unwrap_or_default();
    Ok(HostFacts {
        netns: own_netns().map_err(failed)?,
        addresses: host::addresses().await.map_err(|error| failed(chain(&error)))?,
        interfaces: host::interfaces().map_err(|error| failed(chain(&error)))?,
        links: host::link_prefixes()
            .await
            .map_err(|error| failed(chain(&error)))?,
        resolvers,
        ..HostFacts::default()
    })
}
