//! What is no socket: sysctls of the network, and the descriptors of another process.

use std::fs;
use std::io::Error;
use std::path::{Path, PathBuf};

use nix::libc;
use nix::sched::{CloneFlags, unshare};

use crate::nested::mount;
use crate::report::{Args, Refused, Step, Told};
use crate::sys;

/// `name=net/ipv4/ip_default_ttl how=proc|mount|remount|left`: writes one more than it was, and puts it back.
pub(crate) fn sysctl(args: &Args) -> Told {
    change(args).into()
}

fn change(args: &Args) -> Result<Told, Refused> {
    if args.text("how") == "left" {
        return left(args);
    }
    let root = match args.text("how") {
        "mount" => {
            let at = PathBuf::from("/tmp/attack-proc");
            fs::create_dir_all(&at).step("mkdir")?;
            mount(&at, "proc").step("mount of proc")?;
            at
        }
        "remount" => {
            remount(c"/proc/sys").step("remount of /proc/sys")?;
            PathBuf::from("/proc")
        }
        _ => PathBuf::from("/proc"),
    };
    let file = root.join("sys").join(args.text("name"));
    let outcome = write(&file);
    if args.text("how") == "mount" {
        // SAFETY: the text ends with a zero.
        unsafe { libc::umount2(c"/tmp/attack-proc".as_ptr(), libc::MNT_DETACH) };
    }
    outcome
}

fn write(file: &Path) -> Result<Told, Refused> {
    let before = fs::read_to_string(file).step("read")?;
    let number: i64 = before.trim().parse().map_err(Error::other).step("read")?;
    fs::write(file, (number + 1).to_string()).step("write")?;
    let after = fs::read_to_string(file).step("read again")?;
    fs::write(file, &before).step("put back")?;
    if after == before {
        return Ok(Told::went("written, and nothing changed"));
    }
    let (before, after) = (before.trim(), after.trim());
    Ok(Told::proved("written", format!("{before} became {after}")))
}

/// Opens it, leaves the network namespace, and writes then.
fn left(args: &Args) -> Result<Told, Refused> {
    use std::os::unix::fs::FileExt;

    let path = Path::new("/proc/sys").join(args.text("name"));
    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .step("open")?;
    let read = || {
        let mut bytes = [0; 32];
        let n = file.read_at(&mut bytes, 0)?;
        std::io::Result::Ok(String::from_utf8_lossy(&bytes[..n]).trim().to_owned())
    };
    let before = read().step("read")?;
    unshare(CloneFlags::CLONE_NEWNET)
        .map_err(Error::from)
        .step("unshare")?;
    let number: i64 = before.parse().map_err(Error::other).step("read")?;
    file.write_at((number + 1).to_string().as_bytes(), 0)
        .step("write")?;
    let after = read().step("read again")?;
    file.write_at(before.as_bytes(), 0).step("put back")?;
    Ok(Told::proved("written", format!("{before} became {after}")))
}

fn remount(at: &std::ffi::CStr) -> std::io::Result<()> {
    let flags = libc::MS_REMOUNT | libc::MS_BIND;
    // SAFETY: the text ends with a zero, and there is no other.
    let done = unsafe {
        libc::mount(
            std::ptr::null(),
            at.as_ptr(),
            std::ptr::null(),
            flags,
            std::ptr::null(),
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(Error::last_os_error())
    }
}

/// `pid= port=`: a copy of another process's listening socket.
pub(crate) fn steal(args: &Args) -> Told {
    (|| {
        let pid = args.number("pid")?;
        let mut last = Err(Error::from_raw_os_error(libc::ESRCH));
        for fd in 3..64 {
            match sys::take_from(pid, fd) {
                Ok(copy) if port(&copy) == args.text("port").parse().ok() => {
                    return Ok(Told::proved("taken", "a copy of its listening socket"));
                }
                Ok(_) => last = Err(Error::from_raw_os_error(libc::ENOTSOCK)),
                Err(error) if error.raw_os_error() == Some(libc::EBADF) => {}
                Err(error) => last = Err(error),
            }
        }
        last.step("pidfd_getfd")
    })()
    .into()
}

/// The port of a socket of IPv4 or IPv6.
fn port(socket: &std::os::fd::OwnedFd) -> Option<u16> {
    use std::os::fd::AsRawFd;

    let mut bytes = [0_u8; 128];
    let mut size: libc::socklen_t = 128;
    // SAFETY: the kernel writes at most `size` bytes.
    let done = unsafe { libc::getsockname(socket.as_raw_fd(), bytes.as_mut_ptr().cast(), &raw mut size) };
    (done == 0).then(|| u16::from_be_bytes([bytes[2], bytes[3]]))
}
