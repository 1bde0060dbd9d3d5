//! Sockets of any family by bare system calls: an address is the bytes of its sockaddr.

use std::io::{Error, Result};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use nix::libc::{self, c_int, c_void, socklen_t};

/// The bytes of a sockaddr.
pub(crate) type Address = Vec<u8>;

fn check(result: libc::c_long) -> Result<usize> {
    usize::try_from(result).map_err(|_| Error::last_os_error())
}

fn length(bytes: &[u8]) -> socklen_t {
    socklen_t::try_from(bytes.len()).unwrap_or(socklen_t::MAX)
}

/// A sockaddr of this family; what follows it is given.
pub(crate) fn family(family: c_int, rest: &[u8]) -> Address {
    let family = u16::try_from(family).unwrap_or_default();
    [&family.to_ne_bytes()[..], rest].concat()
}

/// A sockaddr of IPv4 or IPv6. The scope of an IPv6 address is kept.
pub(crate) fn inet(at: SocketAddr) -> Address {
    let port = at.port().to_be_bytes();
    match at {
        SocketAddr::V4(v4) => family(
            libc::AF_INET,
            &[&port[..], &v4.ip().octets()[..], &[0; 8][..]].concat(),
        ),
        SocketAddr::V6(v6) => {
            let scope = v6.scope_id().to_ne_bytes();
            family(
                libc::AF_INET6,
                &[&port[..], &[0; 4][..], &v6.ip().octets()[..], &scope[..]].concat(),
            )
        }
    }
}

/// The family of an address's sockets.
pub(crate) fn domain(ip: IpAddr) -> c_int {
    if ip.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    }
}

/// `@name` in the abstract space.
pub(crate) fn abstract_name(name: &str) -> Address {
    family(libc::AF_UNIX, &[&[0], name.as_bytes()].concat())
}

/// A path in the file system.
pub(crate) fn path(path: &str) -> Address {
    family(libc::AF_UNIX, &[path.as_bytes(), &[0]].concat())
}

pub(crate) fn socket(domain: c_int, kind: c_int, protocol: c_int) -> Result<OwnedFd> {
    // SAFETY: no pointers; the descriptor is new and nobody else's.
    let fd = unsafe { libc::socket(domain, kind | libc::SOCK_CLOEXEC, protocol) };
    check(fd.into())?;
    // SAFETY: it is open, and owned here only.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The same past filters of system calls: by the 32-bit call, whose number is another.
#[cfg(target_arch = "x86_64")]
pub(crate) fn compat_socket(domain: c_int, kind: c_int, protocol: c_int) -> Result<OwnedFd> {
    const SOCKET: i32 = 359;
    let result: i32;
    // SAFETY: the call takes three numbers and no pointer; what it may overwrite is said.
    unsafe {
        std::arch::asm!(
            "push rbx",
            "mov ebx, edi",
            "int 0x80",
            "pop rbx",
            inlateout("eax") SOCKET => result,
            in("edi") domain,
            in("ecx") kind,
            in("edx") protocol,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    if result < 0 {
        return Err(Error::from_raw_os_error(-result));
    }
    // SAFETY: it is open, and owned here only.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn compat_socket(_: c_int, _: c_int, _: c_int) -> Result<OwnedFd> {
    Err(Error::from_raw_os_error(libc::ENOSYS))
}

pub(crate) fn bind(fd: &impl AsRawFd, at: &[u8]) -> Result<()> {
    // SAFETY: the kernel reads `length` bytes of `at`.
    check(unsafe { libc::bind(fd.as_raw_fd(), at.as_ptr().cast(), length(at)) }.into()).map(drop)
}

/// Waits no longer than the socket's send time-out.
pub(crate) fn connect(fd: &impl AsRawFd, to: &[u8]) -> Result<()> {
    // SAFETY: the kernel reads `length` bytes of `to`.
    check(unsafe { libc::connect(fd.as_raw_fd(), to.as_ptr().cast(), length(to)) }.into()).map(drop)
}

pub(crate) fn listen(fd: &impl AsRawFd) -> Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::listen(fd.as_raw_fd(), 64) }.into()).map(drop)
}

/// A connection that waits.
pub(crate) fn accept(fd: &impl AsRawFd) -> Result<OwnedFd> {
    // SAFETY: the kernel is given no address to fill in; the descriptor is new.
    let new = unsafe { libc::accept(fd.as_raw_fd(), std::ptr::null_mut(), std::ptr::null_mut()) };
    check(new.into())?;
    // SAFETY: it is open, and owned here only.
    Ok(unsafe { OwnedFd::from_raw_fd(new) })
}

pub(crate) fn send(fd: &impl AsRawFd, bytes: &[u8]) -> Result<usize> {
    send_to(fd, bytes, 0, &[])
}

/// To nobody in particular where `to` is empty.
pub(crate) fn send_to(fd: &impl AsRawFd, bytes: &[u8], flags: c_int, to: &[u8]) -> Result<usize> {
    let address = if to.is_empty() {
        std::ptr::null()
    } else {
        to.as_ptr().cast()
    };
    let flags = flags | libc::MSG_NOSIGNAL;
    // SAFETY: the kernel reads `bytes` and `length` bytes of `to`.
    check(unsafe {
        libc::sendto(
            fd.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len(),
            flags,
            address,
            length(to),
        )
    } as libc::c_long)
}

pub(crate) fn recv(fd: &impl AsRawFd, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most the buffer's length.
    check(unsafe { libc::recv(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0) } as libc::c_long)
}

/// The text of what comes next.
pub(crate) fn recv_text(fd: &impl AsRawFd) -> Result<String> {
    let mut buffer = [0; 2048];
    let n = recv(fd, &mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..n]).trim().to_owned())
}

pub(crate) fn set(fd: &impl AsRawFd, level: c_int, name: c_int, value: &[u8]) -> Result<()> {
    // SAFETY: the kernel reads `length` bytes of `value`.
    check(
        unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, value.as_ptr().cast(), length(value)) }.into(),
    )
    .map(drop)
}

pub(crate) fn set_int(fd: &impl AsRawFd, level: c_int, name: c_int, value: c_int) -> Result<()> {
    set(fd, level, name, &value.to_ne_bytes())
}

/// How long sends, connects and receives wait.
pub(crate) fn patience(fd: &impl AsRawFd, time: Duration) -> Result<()> {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX).to_ne_bytes();
    let micros = i64::from(time.subsec_micros()).to_ne_bytes();
    let value = [seconds, micros].concat();
    set(fd, libc::SOL_SOCKET, libc::SO_RCVTIMEO, &value)?;
    set(fd, libc::SOL_SOCKET, libc::SO_SNDTIMEO, &value)
}

/// Many datagrams in one call, all the same; how many went.
pub(crate) fn send_many(fd: &impl AsRawFd, bytes: &[u8], to: &[u8], count: usize) -> Result<usize> {
    let mut part = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast::<c_void>(),
        iov_len: bytes.len(),
    };
    // SAFETY: all zero is a valid message header.
    let mut one: libc::mmsghdr = unsafe { std::mem::zeroed() };
    one.msg_hdr.msg_name = to.as_ptr().cast_mut().cast();
    one.msg_hdr.msg_namelen = length(to);
    one.msg_hdr.msg_iov = &raw mut part;
    one.msg_hdr.msg_iovlen = 1;
    let mut all = vec![one; count];
    let size = u32::try_from(all.len()).unwrap_or_default();
    // SAFETY: the headers point to `to` and `part`, which outlive the call.
    check(unsafe { libc::sendmmsg(fd.as_raw_fd(), all.as_mut_ptr(), size, 0) }.into())
}

/// Room for one control message with a descriptor, aligned as the kernel wants it.
#[repr(align(8))]
struct Control([u8; 64]);

/// Passes a descriptor over a connected unix socket.
pub(crate) fn pass(over: &impl AsRawFd, fd: RawFd) -> Result<()> {
    let mut control = Control([0; 64]);
    let mut byte = *b"d";
    let mut part = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    // SAFETY: the header points to what outlives the call, and the control message has room for one descriptor.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(4) as usize;
        let head = libc::CMSG_FIRSTHDR(&raw const message);
        (*head).cmsg_level = libc::SOL_SOCKET;
        (*head).cmsg_type = libc::SCM_RIGHTS;
        (*head).cmsg_len = libc::CMSG_LEN(4) as usize;
        libc::CMSG_DATA(head).cast::<RawFd>().write_unaligned(fd);
        check(libc::sendmsg(over.as_raw_fd(), &raw const message, 0) as libc::c_long).map(drop)
    }
}

/// A descriptor that somebody passes.
pub(crate) fn take(over: &impl AsRawFd) -> Result<OwnedFd> {
    let mut control = Control([0; 64]);
    let mut byte = [0; 1];
    let mut part = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    // SAFETY: as in `pass`; the descriptor that the kernel puts there is new and nobody else's.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = control.0.len();
        check(libc::recvmsg(over.as_raw_fd(), &raw mut message, 0) as libc::c_long)?;
        let head = libc::CMSG_FIRSTHDR(&raw const message);
        if head.is_null() || (*head).cmsg_type != libc::SCM_RIGHTS {
            return Err(Error::from_raw_os_error(libc::EBADMSG));
        }
        let fd = libc::CMSG_DATA(head).cast::<RawFd>().read_unaligned();
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// The number of a network interface.
pub(crate) fn interface(name: &str) -> Result<u32> {
    let text = std::fs::read_to_string(format!("/sys/class/net/{name}/ifindex"));
    if let Ok(text) = text
        && let Ok(number) = text.trim().parse()
    {
        return Ok(number);
    }
    let name = std::ffi::CString::new(name).map_err(Error::other)?;
    // SAFETY: the name ends with a zero.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(Error::last_os_error()),
        number => Ok(number),
    }
}

/// A descriptor of another process, by its number there.
pub(crate) fn take_from(pid: i32, fd: RawFd) -> Result<OwnedFd> {
    // SAFETY: no pointers; both descriptors are new.
    unsafe {
        let process = libc::syscall(libc::SYS_pidfd_open, pid, 0);
        let process = c_int::try_from(check(process)?).unwrap_or(-1);
        let process = OwnedFd::from_raw_fd(process);
        let copy = libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), fd, 0);
        let copy = c_int::try_from(check(copy)?).unwrap_or(-1);
        Ok(OwnedFd::from_raw_fd(copy))
    }
}

/// Calls `step` until it gives something or the time is over.
pub(crate) fn until<T>(time: Duration, mut step: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + time;
    loop {
        if let Some(found) = step() {
            return Some(found);
        }
        if Instant::now() > end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
