//! What the API may ask of the engine, and who asks. The engine answers each on a channel of its own.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use cofferdam_api::{
    ChangeRequest, Changed, EnforceRequest, ExplainRequest, ExplainResponse, FlowQuery, FlowView, KeyAnswer,
    Policies, PolicyText, Problem, ProtectRequest, ReloadRequest, RunRequest, RunResponse, Status, Stopped,
    Switched, UnprotectRequest, Workloads,
};
use tokio::sync::{broadcast, oneshot};

use crate::flows::Past;
use crate::metrics::{Facts, Metrics};

/// Where the answer goes. A dropped receiver is a client that went away.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Problem>>;

/// One request to the engine.
pub(crate) enum Command {
    /// How everything is.
    Status(Reply<Status>),
    /// What Prometheus scrapes.
    Metrics(Reply<Scrape>),
    /// What runs.
    Workloads(Reply<Workloads>),
    /// Past flows, and with `follow` the feed of those to come.
    Flows(FlowQuery, Reply<Followed>),
    /// Put the caller under a policy.
    Run(RunRequest, Caller, Reply<RunResponse>),
    /// Carry out denials.
    Enforce(EnforceRequest, Reply<Changed>),
    /// Only record denials.
    Observe(ChangeRequest, Reply<Changed>),
    /// Keep what `enforce --for` began.
    Confirm(Reply<Changed>),
    /// Protect by name.
    Protect(ProtectRequest, Reply<Changed>),
    /// Take that back.
    Unprotect(UnprotectRequest, Reply<Changed>),
    /// Open everything (`true`), or enforce again.
    Off(bool, Reply<Switched>),
    /// What would happen.
    Explain(ExplainRequest, Reply<ExplainResponse>),
    /// The default profile.
    Policy(Reply<PolicyText>),
    /// What is in the policy folder.
    Policies(Reply<Policies>),
    /// Read it now.
    ReloadPolicies(ReloadRequest, Reply<Policies>),
    /// The key that signs handshakes.
    Key(Reply<KeyAnswer>),
    /// Another one.
    RotateKey(Reply<KeyAnswer>),
    /// End the daemon; with `true`, enforcement too.
    Stop(bool, Reply<Stopped>),
}

/// What a text for Prometheus is made of, beside the loop.
pub(crate) struct Scrape {
    /// What was counted.
    pub(crate) metrics: Arc<Metrics>,
    /// What is known.
    pub(crate) facts: Facts,
}

/// The past, and the feed.
pub(crate) struct Followed {
    /// What was before that, for a thread that may wait.
    pub(crate) older: Option<Past>,
    /// What was, as far as it is in memory.
    pub(crate) past: Vec<FlowView>,
    /// Records that were lost.
    pub(crate) lost: u64,
    /// What comes; it holds everything, the query is applied by whoever reads.
    pub(crate) feed: Option<broadcast::Receiver<FlowView>>,
}

/// The process at the other end of the socket, as the kernel names it.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Its user.
    pub(crate) uid: u32,
    /// Its process, 0 where it is not visible here.
    pub(crate) pid: u32,
    /// A handle that stays this process's, whatever becomes of the number. `None` before Linux 6.5.
    pub(crate) pidfd: Option<Arc<OwnedFd>>,
    /// The user's name.
    pub(crate) user: Option<String>,
    /// Names of the user's groups.
    pub(crate) groups: Vec<String>,
}
