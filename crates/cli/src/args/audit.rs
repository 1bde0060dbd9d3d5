//! The command line of `audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use cofferdam_audit::Severity;

/// Say what is exposed, to whom, and what to change
///
/// With PATHs: compose files, folders that hold some, saved `docker inspect` answers and `daemon.json` files; needs
/// neither root nor a daemon. Without: this host, its engine and its containers; owners of sockets and the firewall
/// are seen by root only. Behind `--`: a `docker run` line, before it runs.
///
/// Findings are printed worst first, each with the change that ends it. Exit status: 0 where nothing is at or above
/// `--fail-on`, 1 where something is, 2 where the audit could not be made.
///
/// `# cofferdam:ignore RULE -- REASON` in a file makes findings of that line, or of the service whose name is in the
/// next line, not count; `ignore-file` does for the file. `.cofferdam-audit.toml` does it for patterns of files.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AuditArgs {
    /// Files and folders; this host where none is given
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// How to print
    #[arg(short, long, value_enum, default_value = "table")]
    pub(crate) format: AuditFormat,
    /// The severity from which on the exit status is 1: info, low, medium, high, critical, never
    #[arg(long, value_name = "SEVERITY", value_parser = fail_on)]
    pub(crate) fail_on: Option<FailOn>,
    /// Print what is low or info too
    #[arg(short, long)]
    pub(crate) all: bool,
    /// What to ignore and why; `.cofferdam-audit.toml` where it is there
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Findings that were there before and do not count
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Write what is found now as a baseline
    #[arg(long, value_name = "FILE")]
    pub(crate) write_baseline: Option<PathBuf>,
    /// Who reaches which service over which path, instead of findings
    #[arg(long)]
    pub(crate) matrix: bool,
    /// With `--matrix`: try each path that begins on this host
    #[arg(long, requires = "matrix")]
    pub(crate) probe: bool,
    /// Audit this host anew whenever a container starts, until interrupted
    #[arg(long, conflicts_with_all = ["paths", "command", "matrix"])]
    pub(crate) watch: bool,
    /// Watch containers for so long first, to find what they do not use: `30s`, `5m`
    #[arg(long, value_name = "TIME", value_parser = crate::when::seconds)]
    pub(crate) observe: Option<u64>,
    /// The engine's socket, Docker's or Podman's
    #[arg(long, value_name = "PATH")]
    pub(crate) engine: Option<PathBuf>,
    /// The engine's configuration
    #[arg(long, value_name = "FILE", default_value = "/etc/docker/daemon.json")]
    pub(crate) daemon_json: PathBuf,
    /// Facts of a host that `--save-facts` wrote, instead of this one's
    #[arg(long, value_name = "FILE")]
    pub(crate) facts: Option<PathBuf>,
    /// Write the facts of this host
    #[arg(long, value_name = "FILE")]
    pub(crate) save_facts: Option<PathBuf>,
    /// A `docker run` line
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    #[command(subcommand)]
    pub(crate) explain: Option<AuditCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Say what a rule looks for, why, and what to change; without RULE list all
    Explain {
        /// The rule's id
        rule: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditFormat {
    /// For people
    Table,
    /// For programs
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit's XML, for CI
    Junit,
    /// A page that can be mailed
    Html,
}

/// From which severity on the audit fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FailOn(pub(crate) Option<Severity>);

fn fail_on(word: &str) -> Result<FailOn, String> {
    if word == "never" {
        return Ok(FailOn(None));
    }
    let severity = Severity::parse(word);
    severity
        .map(|severity| FailOn(Some(severity)))
        .ok_or_else(|| "info, low, medium, high, critical or never".to_owned())
}
