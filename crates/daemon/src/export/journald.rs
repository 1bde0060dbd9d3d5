//! journald's native protocol: one datagram a record, with the parts of it as fields of their own.
//!
//! Own, because it is twenty lines, and the crates that speak it send log lines of a program, to one place.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::Arc;

use cofferdam_api::{FlowView, Verdict};

use super::sink::{Receiver, Refused};
use super::words::{Value, parts, sentence};
use crate::config::Journald;

/// What `journalctl MESSAGE_ID=` finds: a flow that was denied, and one that was allowed.
const DENIED: &str = "c0ffe4da3d1a4e6b9c35f0a7d2b18e01";
const ALLOWED: &str = "c0ffe4da3d1a4e6b9c35f0a7d2b18e02";

/// The journal.
pub(super) struct Journal {
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

// === impl Journal ===

impl Journal {
    pub(super) fn new(config: &Journald) -> Self {
        let folder = config
            .namespace
            .as_ref()
            .map_or_else(|| "journal".to_owned(), |name| format!("journal.{name}"));
        Self {
            path: PathBuf::from("/run/systemd").join(folder).join("socket"),
            socket: None,
        }
    }

    pub(super) fn target(&self) -> String {
        self.path.display().to_string()
    }

    fn send(&mut self, datagram: &[u8]) -> std::io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => {
                let socket = UnixDatagram::unbound()?;
                // A journal that hangs holds this thread, so that the daemon can end it.
                socket.set_write_timeout(Some(std::time::Duration::from_secs(5)))?;
                socket.connect(&self.path)?;
                socket
            }
        };
        socket.send(datagram)?;
        self.socket = Some(socket);
        Ok(())
    }
}

impl Receiver for Journal {
    type Item = Arc<FlowView>;

    fn take(&mut self, items: &[Self::Item]) -> Result<(), Refused> {
        for (taken, flow) in items.iter().enumerate() {
            match self.send(&datagram(flow)) {
                Ok(()) => {}
                // The journal takes it from a file then, which no record is worth.
                Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EMSGSIZE as i32) => {
                    let why = "a record is too long for a datagram".to_owned();
                    return Err(Refused { taken, lost: 1, why });
                }
                Err(error) => return Err(Refused::after(taken, error)),
            }
        }
        Ok(())
    }
}

/// The fields of a record as systemd.journal-fields(7) and the native protocol want them.
fn datagram(flow: &FlowView) -> Vec<u8> {
    let denied = flow.verdict == Verdict::Deny;
    let mut bytes = Vec::new();
    let mut field = |name: &str, value: &str| {
        bytes.extend_from_slice(name.as_bytes());
        if value.contains('\n') {
            bytes.push(b'\n');
            bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            bytes.push(b'=');
        }
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(b'\n');
    };
    field("MESSAGE", &sentence(flow));
    field("MESSAGE_ID", if denied { DENIED } else { ALLOWED });
    // Warning, informational.
    field("PRIORITY", if denied { "4" } else { "6" });
    // Not the daemon's own, whose log lines are in the journal, too.
    field("SYSLOG_IDENTIFIER", "cofferdam-flow");
    field("COFFERDAM_TIME", &flow.time.to_string());
    field("COFFERDAM_PROTOCOL", &flow.protocol);
    field("COFFERDAM_DESTINATION", &flow.destination.to_string());
    if let Some(source) = flow.source {
        field("COFFERDAM_SOURCE", &source.to_string());
    }
    if let Some(pid) = flow.pid {
        field("COFFERDAM_PID", &pid.to_string());
    }
    if let Some(comm) = &flow.comm {
        field("COFFERDAM_COMM", comm);
    }
    for (name, value) in parts(flow) {
        let name = format!("COFFERDAM_{}", name.replace('.', "_").to_uppercase());
        match value {
            Value::Text(text) => field(&name, &text),
            Value::Number(number) => field(&name, &number.to_string()),
        }
    }
    bytes
}
