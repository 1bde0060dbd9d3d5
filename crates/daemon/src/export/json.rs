//! One JSON object a line, as `cofferdam flows --json` prints it: into a file, or to somebody who reads a socket.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_api::FlowView;

use super::sink::{Receiver, Refused};
use crate::config::Json;

/// How long a reader may keep this thread waiting.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where lines go.
pub(super) struct Lines {
    to: To,
    open: Option<Open>,
    /// How much of the first line is written that was not taken yet.
    begun: usize,
}

#[derive(Clone)]
enum To {
    File(PathBuf),
    Socket(PathBuf),
    Tcp(String),
}

enum Open {
    File(File),
    Socket(UnixStream),
    Tcp(TcpStream),
}

// === impl Lines ===

impl Lines {
    pub(super) fn new(config: &Json) -> Self {
        let to = match (&config.path, &config.socket, &config.tcp) {
            (Some(path), ..) => To::File(path.clone()),
            (_, Some(path), _) => To::Socket(path.clone()),
            (.., tcp) => To::Tcp(tcp.clone().unwrap_or_default()),
        };
        Self {
            to,
            open: None,
            begun: 0,
        }
    }

    pub(super) fn target(&self) -> String {
        match &self.to {
            To::File(path) | To::Socket(path) => path.display().to_string(),
            To::Tcp(address) => address.clone(),
        }
    }

    /// Writes one line from where it was left.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => {
                // Whoever opens anew gets whole lines.
                self.begun = 0;
                self.to.open()?
            }
        };
        while let Some(rest) = line.get(self.begun..).filter(|rest| !rest.is_empty()) {
            match open.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.begun += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // A file that is full is the same one when it has room again.
                    if matches!(open, Open::File(_)) {
                        self.open = Some(open);
                    }
                    return Err(error);
                }
            }
        }
        (self.open, self.begun) = (Some(open), 0);
        Ok(())
    }
}

impl Receiver for Lines {
    type Item = Arc<FlowView>;

    fn take(&mut self, items: &[Self::Item]) -> Result<(), Refused> {
        for (taken, flow) in items.iter().enumerate() {
            let mut line = serde_json::to_vec(&**flow).map_err(|error| Refused {
                taken,
                lost: 1,
                why: error.to_string(),
            })?;
            line.push(b'\n');
            self.write(&line).map_err(|error| Refused::after(taken, error))?;
        }
        Ok(())
    }

    fn reopen(&mut self) {
        self.open = None;
    }
}

// === impl To, impl Open ===

impl To {
    fn open(&self) -> io::Result<Open> {
        match self {
            Self::File(path) => {
                let mut options = OpenOptions::new();
                options.append(true).create(true).mode(0o640);
                options.open(path).map(Open::File)
            }
            Self::Socket(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Open::Socket(stream))
            }
            Self::Tcp(address) => {
                let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
                for address in address.to_socket_addrs()? {
                    match TcpStream::connect_timeout(&address, PATIENCE) {
                        Ok(stream) => {
                            stream.set_write_timeout(Some(PATIENCE))?;
                            return Ok(Open::Tcp(stream));
                        }
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }
}

impl Open {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Socket(stream) => stream.write(bytes),
            Self::Tcp(stream) => stream.write(bytes),
        }
    }
}
