//! `off` and `on`: through the daemon where one answers, else in the kernel's map directly.
//!
//! `off` is the way out when everything else is broken: nothing but missing rights keeps it from trying the map.

use std::time::Duration;

use cofferdam_api::{Client, ClientError, Code, Switched, VERSION};

use crate::args::SwitchArgs;
use crate::failure::Failure;
use crate::output::{self, BAD, Call, styled};

/// Nobody who is locked out waits for a daemon that hangs.
const PATIENCE: Duration = Duration::from_secs(3);

/// Switches enforcement off, or on again.
pub(crate) fn switch(call: &Call, args: &SwitchArgs, off: bool) -> Result<u8, Failure> {
    let answer = call.ask(ask(&call.client, off))?;
    let switched = match answer {
        Ok(switched) => switched,
        Err(error) if forbidden(&error) => return Err(error.into()),
        Err(error) => {
            cofferdam_daemon::off(&args.bpffs, off)?;
            output::note(&format!("{error}: switched in the kernel"));
            Switched {
                version: VERSION,
                off,
                changed: true,
            }
        }
    };
    call.print(&switched, text)?;
    Ok(crate::OK)
}

async fn ask(client: &Client, off: bool) -> Result<Switched, ClientError> {
    let answer = async {
        if off {
            client.off().await
        } else {
            client.on().await
        }
    };
    tokio::time::timeout(PATIENCE, answer)
        .await
        .map_err(|_| ClientError::Late)?
}

fn forbidden(error: &ClientError) -> bool {
    match error {
        ClientError::Denied(_) => true,
        ClientError::Refused(problem) => problem.code == Code::Forbidden,
        _ => false,
    }
}

fn text(switched: &Switched) -> String {
    let already = if switched.changed { "" } else { " already" };
    if switched.off {
        let head = styled(
            BAD.bold(),
            format_args!("ENFORCEMENT IS{} OFF", already.to_uppercase()),
        );
        format!("{head}: every workload of this host is open until `cofferdam on`\n")
    } else {
        format!("enforcement is{already} on\n")
    }
}
