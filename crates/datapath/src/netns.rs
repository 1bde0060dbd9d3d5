//! Questions that can only be asked from inside a network namespace; each is asked on a thread of its own, because
//! entering one changes the thread for good.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::thread;

use nix::libc;
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::{Error, Result};

/// Runs `ask` inside `namespace`.
pub(crate) fn inside<T: Send>(namespace: &File, ask: impl FnOnce() -> io::Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        scope
            .spawn(|| {
                setns(namespace, CloneFlags::CLONE_NEWNET)?;
                ask()
            })
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread inside the namespace ended early")))
    })
    .map_err(Error::Namespace)
}

/// The kernel's cookie of a network namespace: unique until the next boot, never reused.
///
/// # Errors
/// The namespace cannot be entered (needs root) or the kernel has no cookies (older than 5.14).
pub fn netns_cookie(namespace: &File) -> Result<u64> {
    inside(namespace, || {
        // Any socket will do; it is asked about its namespace and never used.
        let socket = socket(
            AddressFamily::Inet,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            None,
        )?;
        let mut cookie = 0_u64;
        let mut size: libc::socklen_t = 8;
        // SAFETY: the kernel writes at most `size` bytes into `cookie`, which is that large.
        let done = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_NETNS_COOKIE,
                std::ptr::from_mut(&mut cookie).cast(),
                &mut size,
            )
        };
        if done == 0 {
            Ok(cookie)
        } else {
            Err(io::Error::last_os_error())
        }
    })
}
