//! `cofferdam daemon` and `cofferdam daemon stop`.

use std::time::Duration;

use cofferdam_api::{ClientError, StopRequest, Stopped, VERSION};
use cofferdam_daemon::Options;

use crate::args::{DaemonArgs, DaemonCommand};
use crate::failure::Failure;
use crate::output::Call;

/// How often `stop` looks whether the daemon has ended, and for how long: 15 s in all.
const LOOKS: u32 = 150;
const PAUSE: Duration = Duration::from_millis(100);

/// Runs the daemon, or asks it to end.
pub(crate) fn daemon(call: &Call, args: DaemonArgs) -> Result<u8, Failure> {
    match args.command {
        Some(DaemonCommand::Stop {
            open,
            bpffs,
            state_dir,
        }) => {
            let options = Options {
                bpffs,
                state_dir,
                socket: call.client.socket().to_owned(),
                ..Options::default()
            };
            stop(call, open, options)
        }
        None => {
            let options = args.start.options(call.client.socket());
            if args.early {
                cofferdam_daemon::early(options)?;
            } else {
                cofferdam_daemon::run(options)?;
            }
            Ok(crate::OK)
        }
    }
}

fn stop(call: &Call, open: bool, options: Options) -> Result<u8, Failure> {
    let stopped = match call.ask(call.client.stop(&StopRequest { open }))? {
        Ok(stopped) => stopped,
        Err(error) if error.is_absent() && open => {
            let workloads = cofferdam_daemon::open(options)? as u64;
            Stopped {
                version: VERSION,
                open,
                workloads,
            }
        }
        Err(error) => return Err(error.into()),
    };
    call.wait(gone(call))?;
    call.print(&stopped, text)?;
    Ok(crate::OK)
}

/// Returns when nobody answers any more, so that the next command finds what `stop` promised.
async fn gone(call: &Call) -> Result<(), ClientError> {
    for _ in 0..LOOKS {
        match call.client.status().await {
            Err(error) if error.is_absent() => return Ok(()),
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
    Err(ClientError::Late)
}

fn text(stopped: &Stopped) -> String {
    let count = stopped.workloads;
    if stopped.open {
        format!("the daemon has ended and enforcement too: {count} workloads are open\n")
    } else {
        format!(
            "the daemon has ended; enforcement of {count} workloads stays in the kernel\n\
             (`cofferdam off` ends it, `cofferdam daemon` takes over again)\n"
        )
    }
}
