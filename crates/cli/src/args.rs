//! The command line as data: parser, help, man pages and completions come from these types.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use cofferdam_daemon::Options;

use crate::failure::{Failure, RUN_REFUSED};

mod audit;
mod contain;
mod daemon;
mod learn;
mod policy;
#[cfg(test)]
mod tests;

pub(crate) use audit::{AuditArgs, AuditCommand, AuditFormat};
pub(crate) use contain::ContainArgs;
pub(crate) use daemon::{DaemonArgs, DaemonCommand};
pub(crate) use learn::LearnArgs;
pub(crate) use policy::{
    ApplyArgs, CheckArgs, DiffArgs, EvalArgs, PolicyArgs, PolicyCommand, PolicyExplainArgs, RemoveArgs,
    TestArgs, TestFormat, WorldArgs,
};

/// Labels, not addresses, decide who may talk to whom on this host
#[derive(Debug, Parser)]
#[command(
    name = "cofferdam",
    version,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// The daemon's socket
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "COFFERDAM_SOCKET",
        hide_env_values = true
    )]
    #[arg(default_value = cofferdam_api::DEFAULT_SOCKET, help_heading = "Global options")]
    pub(crate) socket: PathBuf,
    /// Print JSON instead of text
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// A command without a doc comment here has a longer one at its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Daemon(DaemonArgs),
    Run(RunArgs),
    /// List workloads: labels, identity, protection, listening ports
    Ps(PsArgs),
    Flows(FlowsArgs),
    Top(TopArgs),
    /// Show how the daemon and the data plane are
    Status,
    /// Check what this host needs, with or without a daemon
    Doctor(DoctorArgs),
    /// Carry out the denials of workloads
    Enforce(EnforceArgs),
    /// Keep what `enforce --for` began
    Confirm,
    /// Only record the denials of workloads
    Observe(ObserveArgs),
    /// Protect a workload, and give it labels
    Protect(ProtectArgs),
    /// Take back what `protect` gave
    Unprotect(UnprotectArgs),
    /// Switch enforcement off for the whole host, also when the daemon is dead
    Off(SwitchArgs),
    /// Switch enforcement on again
    On(SwitchArgs),
    Explain(ExplainArgs),
    Learn(LearnArgs),
    Audit(AuditArgs),
    /// Check, compare, test and explain policies, and show the built-in ones
    Policy(PolicyArgs),
    Key(KeyArgs),
    /// Check the configuration
    Config(ConfigArgs),
    /// Print the versions of this command and of the daemon
    Version,
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Write the man pages
    #[command(hide = true)]
    Man(DirectoryArgs),
    /// Print the OpenAPI document of the socket
    #[command(hide = true)]
    Openapi,
    /// Write man pages, completions, `docs/cli.md` and `docs/openapi.json` below a folder
    #[command(hide = true)]
    Generate(DirectoryArgs),
}

/// Run a command under labels
///
/// It talks to peers with the same labels, to the public Internet, and to whom it was opened; nobody else reaches it.
///
/// The command takes the place of this process once the daemon has moved it into its cgroup: terminal, signals and
/// exit status are its own, and all its children inherit the policy. Without a daemon it does not start.
///
/// On the host's network `--contain strict` gives it what a network namespace would: a loopback of its own, only the
/// ports and interfaces that are declared, no raw, packet or vsock sockets, of netlink only `route`. It then has no new
/// privileges, no capability that administers the network, and no io_uring.
///
/// A `--` may stand before the command, or right after it: there, one `--` is dropped if none stood before
/// (`cofferdam run --label app=web curl -- http://127.0.0.1`).
///
/// Exit status: the command's; 125 where it was not tried, 126 where it cannot be executed, 127 where it is not found.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Name of the workload; made from the command's otherwise
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Policy namespace: only workloads of one namespace are peers
    #[arg(long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// A label of the workload; may be repeated
    #[arg(short, long = "label", value_name = "KEY=VALUE")]
    pub(crate) labels: Vec<String>,
    /// A port that policies may mean by this name: `http=80`, `dns=53/udp`; may be repeated
    #[arg(short, long = "port", value_name = "NAME=PORT")]
    pub(crate) ports: Vec<String>,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
    #[command(flatten)]
    pub(crate) contain: ContainArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PsArgs {
    /// `wide`: every column, nothing cut
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    pub(crate) output: Option<Format>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Every column, nothing cut
    Wide,
}

/// Show verdicts: who, to whom, by which rule, and how to allow it
///
/// FROM and TO are labels (`app=web`, several with commas), a workload's name, or a class: workload, host, lan,
/// metadata, multicast, world, pending.
///
/// Workloads that are gone keep their names. How long records are kept says `[flows]` of the configuration.
#[derive(Debug, Args)]
pub(crate) struct FlowsArgs {
    /// Go on with what happens; with `--json` one object a line
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Who started
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// Who was to be reached
    #[arg(long)]
    pub(crate) to: Option<String>,
    /// Only denials
    #[arg(long)]
    pub(crate) denied: bool,
    /// Only what was allowed
    #[arg(long)]
    pub(crate) allowed: bool,
    /// Not older: `10m`, `10:00`, `2026-03-01T10:00:00Z`
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Port that was to be reached
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// `tcp`, `udp`, …
    #[arg(long)]
    pub(crate) protocol: Option<String>,
    /// Sum up: one line for each pair of ends and port, the most first
    #[arg(long, value_enum, value_name = "BY", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "denials", conflicts_with = "follow")]
    pub(crate) top: Option<TopArg>,
    /// `wide`: every column, nothing cut
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    pub(crate) output: Option<Format>,
    /// The newest so many of the past; 0 is all. 100 by default, 10 with `-f`, the first 20 lines with `--top`
    #[arg(long, value_name = "NUMBER")]
    pub(crate) limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TopArg {
    /// By how many were denied; who was never denied is left out
    Denials,
    /// By how many there were
    Flows,
    /// By what their TCP connections carried, once they have ended
    Bytes,
}

/// Watch workloads, flows and denials as they happen
///
/// A screen for a terminal: workloads with their denials, and below them the flows of the one under the cursor. Enter on a
/// denial says which rule it was and what would allow it; `?` lists the keys.
///
/// FILTER is what `/` takes: the options of `cofferdam flows`, without their dashes: `cofferdam top denied to app=web`.
#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    /// Which flows: from WHO, to WHO, denied, allowed, port NUMBER, protocol NAME, since TIME
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct EnforceArgs {
    /// Names or ids of workloads
    #[arg(value_name = "NAME", required_unless_present = "all")]
    pub(crate) names: Vec<String>,
    /// Every protected workload
    #[arg(long, conflicts_with = "names")]
    pub(crate) all: bool,
    /// Fall back after this time unless `cofferdam confirm` comes first: `5m`, `90s`
    #[arg(long = "for", value_name = "TIME", value_parser = crate::when::seconds)]
    pub(crate) for_seconds: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The configuration, which may name Docker's socket
    #[arg(long, value_name = "FILE", default_value = Options::CONFIG)]
    pub(crate) config: PathBuf,
    /// Docker's socket; the running daemon's by default, else the configuration's
    #[arg(long, value_name = "PATH")]
    pub(crate) docker_socket: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ObserveArgs {
    /// Names or ids of workloads
    #[arg(value_name = "NAME", required_unless_present = "all")]
    pub(crate) names: Vec<String>,
    /// Every protected workload
    #[arg(long, conflicts_with = "names")]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProtectArgs {
    /// Name or id of a workload
    pub(crate) name: String,
    /// A label that says who it is, or a `cofferdam.*` one, as on a container; may be repeated
    #[arg(short, long = "label", value_name = "KEY=VALUE")]
    pub(crate) labels: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct UnprotectArgs {
    /// Name or id of a workload
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct SwitchArgs {
    /// The daemon's folder of pins, for when no daemon answers
    #[arg(long, value_name = "DIR", default_value = cofferdam_daemon::Options::BPFFS)]
    pub(crate) bpffs: PathBuf,
}

/// Say what would happen to a connection, and by which rule
///
/// The exit status is 1 where it would be denied.
///
/// FROM and TO are a workload's name or id, labels (`app=web`), a class (`host`, `lan`, …) or an address.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Who starts
    pub(crate) from: String,
    /// Who is reached
    pub(crate) to: String,
    /// The port that is reached, `/udp` behind it for another protocol than TCP
    #[arg(value_parser = crate::explain::port, value_name = "PORT[/PROTOCOL]")]
    pub(crate) port: crate::explain::Port,
}

/// Show or rotate the key that signs handshakes
///
/// The daemon rotates it by itself, each day unless the configuration says otherwise. Connections that are open or under
/// way go on: what the key before has signed is taken for another minute.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    pub(crate) command: KeyCommand,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Print which key signs, how old it is, and when the next one comes; never the key itself
    Show,
    /// Sign with another key from now on; at most once a second
    Rotate,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether a configuration file is valid
    Check {
        /// The file
        #[arg(default_value = cofferdam_daemon::Options::CONFIG)]
        path: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct DirectoryArgs {
    /// An existing folder
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}

/// Parses a whole command line, the program's name included.
pub(crate) fn parse(raw: &[OsString]) -> Result<Cli, Failure> {
    Cli::try_parse_from(raw).map_err(|error| {
        if matches!(
            error.kind(),
            ErrorKind::DisplayHelp
                | ErrorKind::DisplayVersion
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        ) {
            let wanted = error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
            let _ = error.print();
            return Failure::silent(if wanted { crate::OK } else { crate::ERROR });
        }
        usage_failure(&error.to_string(), raw)
    })
}

/// The parser's several lines as one line and a hint.
fn usage_failure(text: &str, raw: &[OsString]) -> Failure {
    let mut paragraphs = text.split("\n\n");
    let first = paragraphs.next().unwrap_or_default();
    let words: Vec<&str> = first.split_whitespace().collect();
    let message = words.join(" ");
    let message = message.strip_prefix("error: ").unwrap_or(&message).to_owned();
    let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: "));
    let command = raw
        .iter()
        .skip(1)
        .filter_map(|word| word.to_str())
        .find(|word| !word.starts_with('-'));
    let command = command.filter(|word| {
        <Cli as clap::CommandFactory>::command()
            .find_subcommand(word)
            .is_some()
    });
    let hint = match (tip, command) {
        (Some(tip), _) => tip.to_owned(),
        (None, Some(command)) => format!("`cofferdam {command} --help` shows the usage"),
        (None, None) => "`cofferdam --help` lists the commands".to_owned(),
    };
    // A wrapper around `run` must be able to tell its own mistakes from the command's exit status.
    let code = if command == Some("run") {
        RUN_REFUSED
    } else {
        crate::ERROR
    };
    Failure::new(message).hint(hint).code(code)
}
