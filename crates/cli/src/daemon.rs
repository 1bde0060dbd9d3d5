//! `cofferdam daemon` and `cofferdam daemon stop`.

use std::time::Duration;

use cofferdam_api::{ClientError, StopRequest, Stopped};

use crate::args::{DaemonArgs, DaemonCommand};
use crate::failure::Failure;
use crate::output::Call;

/// How often `stop` looks whether the daemon has ended, and for how long: 15 s in all.
const LOOKS: u32 = 150;
const PAUSE: Duration = Duration::from_millis(100);

/// Runs the daemon, or asks it to end.
pub(crate) fn daemon(call: &Call, args: DaemonArgs) -> Result<u8, Failure> {
    match args.command {
        Some(DaemonCommand::Stop { open }) => stop(call, open),
        None => {
            cofferdam_daemon::run(args.start.options(call.client.socket()))?;
            Ok(crate::OK)
        }
    }
}

fn stop(call: &Call, open: bool) -> Result<u8, Failure> {
    let stopped = match call.ask(call.client.stop(&StopRequest { open }))? {
        Ok(stopped) => stopped,
        Err(error) if error.is_absent() && open => {
            return Err(Failure::from(error).hint(
                "enforcement may still be in the kernel: `cofferdam off` opens everything without a daemon",
            ));
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
