//! The arguments of `policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    pub(crate) command: PolicyCommand,
}

/// All but `apply`, `remove` and `show` work without a daemon and without root.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Print a policy: a built-in one, or one of the folder as it is in force
    Show {
        /// `default` (the default profile in force), a posture, or `NAMESPACE/NAME` of a policy of the folder
        #[arg(default_value = "default")]
        name: String,
    },
    Apply(ApplyArgs),
    Remove(RemoveArgs),
    Check(CheckArgs),
    Diff(DiffArgs),
    Explain(PolicyExplainArgs),
    Test(TestArgs),
    Eval(EvalArgs),
}

/// Put policy files into the daemon's folder, and say what became of them
///
/// The files are checked, copied under their own names and in force when the command ends. What the daemon refuses is taken
/// back, and the exit status is 1.
#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// Files, or folders with `.yaml`, `.yml` and `.json` files
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}

/// Take policy files out of the daemon's folder
///
/// Their policies are no more in force when the command ends.
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// Files of the folder, by name
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

/// Say whether policy files are valid, and what in them deserves a second look
///
/// Each mistake has its file, line and column, and what would be right. The exit status is 1 where there is one.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Files, or folders with `.yaml`, `.yml` and `.json` files
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) world: WorldArgs,
}

/// Who is there, for commands that need no daemon
#[derive(Debug, Args)]
pub(crate) struct WorldArgs {
    /// Workloads: a compose file, a workloads file, or what `cofferdam ps --json` printed; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) workloads: Vec<PathBuf>,
    /// The posture of workloads that no policy selects
    #[arg(
        long = "default",
        value_enum,
        value_name = "POSTURE",
        default_value = "same-labels"
    )]
    pub(crate) profile: Posture,
}

/// Say what would change between two folders of policies, for each pair of workloads and port
///
/// With one PATH: what would change on this host if it was applied, what labels and published ports open left aside. The exit
/// status is 1 where something would.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// Policies as they are, and as they would be: files or folders; as they would be alone
    #[arg(required = true, num_args = 1..=2, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) world: WorldArgs,
}

/// Say what policies would do to a connection, by which rule, and which rules nearly matched
///
/// FROM and TO are a workload's name, labels (`app=web`), a class (`host`, `lan`, …) or an address. The exit status is 1
/// where it would be denied.
#[derive(Debug, Args)]
pub(crate) struct PolicyExplainArgs {
    /// Who starts
    pub(crate) from: String,
    /// Who is reached
    pub(crate) to: String,
    /// The port that is reached: `443`, `53/udp`, `icmp:8`
    pub(crate) port: String,
    /// Policies: a file or a folder; may be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) policies: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) world: WorldArgs,
}

/// Run test files: workloads, policies, attempts and what must come of them
///
/// The exit status is 1 where a test fails. docs/policies.md describes the format.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Test files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: TestFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TestFormat {
    /// A line for each test that fails, and the sum
    Text,
    /// `JUnit`, for CI
    Junit,
}

/// Compare verdicts with those that a suite expects, cell by cell
///
/// A line of the file is a case as JSON: steps of policies, namespaces and pods, and the expected cells. Prints
/// `cells N disagree M`; the exit status is 1 where M is not 0.
#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// The cases, plain or compressed by gzip
    #[arg(long, value_name = "FILE")]
    pub(crate) cases: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Posture {
    /// Same labels talk; the world is reachable
    SameLabels,
    /// Same labels talk; the world is denied too
    Strict,
    /// Only explicit policies deny
    Allow,
    /// Workloads of one compose project talk; the world is reachable
    Networks,
    /// Same labels talk; the host and the LAN reach it
    LanService,
    /// The world's web servers are reachable, and nothing else
    Agent,
}

// === impl Posture ===

impl From<Posture> for cofferdam_policy::DefaultProfile {
    fn from(posture: Posture) -> Self {
        match posture {
            Posture::SameLabels => Self::SameLabels,
            Posture::Strict => Self::Strict,
            Posture::Allow => Self::Allow,
            Posture::Networks => Self::Networks,
            Posture::LanService => Self::LanService,
            Posture::Agent => Self::Agent,
        }
    }
}
