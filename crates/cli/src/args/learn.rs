//! The command line of `learn`.

use std::path::PathBuf;

use clap::Args;

/// Write policies from the flows that were seen
///
/// One NetworkPolicy for each workload, or for those with the same labels: who reached it, whom it reached, on which ports,
/// with the evidence as comments. What was let through counts, what was denied does not; so first let the application
/// work under `cofferdam observe --all`. Where a rule says more than was seen, a comment `GENERALISED` says how, and
/// `RISK` marks what deserves a look. `cofferdam policy apply DIR` enforces what `-o DIR` wrote.
///
/// `--labels` is the step before, for services that no label tells who they are: it proposes `app` and `role` for each service of
/// compose files, or of what runs, from names, images and calls, as an override of the compose file.
///
/// With `--diff` the exit status is 1 where something would change.
#[derive(Debug, Args)]
pub(crate) struct LearnArgs {
    /// With `--labels`: compose files, or folders with some; what the engine runs where none is given
    #[arg(value_name = "COMPOSE", requires = "labels")]
    pub(crate) compose: Vec<PathBuf>,
    /// Propose identity labels instead, as a compose override
    #[arg(long, conflicts_with_all = ["diff", "wanted", "workloads"])]
    pub(crate) labels: bool,
    /// Write labels instead of documents: an override for each compose project, with `cofferdam.ingress`, `cofferdam.egress` and
    /// `cofferdam.profile` of its services
    #[arg(id = "as_labels", long = "compose", conflicts_with_all = ["labels", "diff"])]
    pub(crate) as_labels: bool,
    /// With `--labels` or `--compose`: the engine's socket, Docker's or Podman's
    #[arg(long, value_name = "PATH")]
    pub(crate) engine: Option<PathBuf>,
    /// Flows that are not older: `1h`, `10:00`, `2026-03-01T10:00:00Z`
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only the policies of these workloads: labels (`app=web`, several with commas) or a name
    #[arg(long = "for", value_name = "WORKLOAD")]
    pub(crate) wanted: Option<String>,
    /// Write a file for each policy into this folder
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Print what would change on this host instead of the policies
    #[arg(long)]
    pub(crate) diff: bool,
    /// What `cofferdam flows --limit 0 --json` printed, instead of the daemon's flows; needs no daemon
    #[arg(long, value_name = "FILE")]
    pub(crate) flows: Option<PathBuf>,
    /// With `--flows`: what `cofferdam ps --json` printed then
    #[arg(long, value_name = "FILE", requires = "flows")]
    pub(crate) workloads: Option<PathBuf>,
    /// Of more addresses of the LAN, the world, … on one port not each is named, but all of the LAN, the world, …
    #[arg(long, value_name = "NUMBER", default_value_t = cofferdam_learn::Limits::default().addresses)]
    pub(crate) addresses: usize,
    /// Of more ports of one peer and protocol not each is named, but the nearest ones are joined to ranges
    #[arg(long, value_name = "NUMBER", default_value_t = cofferdam_learn::Limits::default().ports)]
    pub(crate) ports: usize,
}
