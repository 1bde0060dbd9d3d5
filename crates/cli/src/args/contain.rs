//! The flags of `run` that declare what the command may take of the host's network.

use clap::Args;

/// What the command may take of the host's network; each is a label, too.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Containment")]
pub(crate) struct ContainArgs {
    /// What is refused that is not declared: what would harm others, or everything
    #[arg(long, value_name = "LEVEL", value_parser = ["default", "strict"])]
    pub(crate) contain: Option<String>,
    /// Its 127.0.0.1 and ::1: `private`, `host`, or the name of one that it shares
    #[arg(long, value_name = "LOOPBACK")]
    pub(crate) loopback: Option<String>,
    /// Ports that it may bind: `80`, `80/tcp=8080`, `80=192.168.1.5:80`; may be repeated
    #[arg(long, value_name = "PORTS")]
    pub(crate) bind: Option<Vec<String>>,
    /// Interfaces that it may use, by name or address; may be repeated
    #[arg(long, value_name = "INTERFACES")]
    pub(crate) interfaces: Option<Vec<String>>,
    /// What it may do besides: `packet`, `raw`, `vsock`, `sysctl`, `netlink:FAMILY`, `abstract:@NAME`, `shared:PORT`
    #[arg(long, value_name = "ITEMS")]
    pub(crate) allow: Option<Vec<String>>,
}
