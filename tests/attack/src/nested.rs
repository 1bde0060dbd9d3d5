//! Other cgroups: one below the workload's own, and one of somebody else.

use std::fs;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc;
use nix::sched::{CloneFlags, unshare};

use crate::report::{Args, Refused, Step, Told};
use crate::{sys, tcp, udp};

/// `then=tcp|udp to= token= [container=yes]`: the same attack from a cgroup that it makes below its own; as a nested container
/// also with namespaces of its own.
pub(crate) fn nest(args: &Args) -> Told {
    (|| {
        let own = own_cgroup().step("find cgroup2")?;
        let child = own.join(format!("nest-{}", std::process::id()));
        fs::create_dir(&child).step("mkdir of a cgroup")?;
        let outcome = below(args, &child);
        // What is left of it would be its parent's; the parent ends when its workload does.
        let _ = enter(&own);
        let _ = fs::remove_dir(&child);
        outcome
    })()
    .into()
}

fn below(args: &Args, child: &Path) -> std::result::Result<Told, Refused> {
    enter(child).step("move into it")?;
    if args.has("container") {
        let new = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWCGROUP | CloneFlags::CLONE_NEWIPC;
        unshare(new).map_err(Error::from).step("unshare")?;
    }
    Ok(match args.text("then") {
        "udp" => udp::attack(args),
        _ => tcp::attack(args),
    })
}

/// `cgroup=DIRECTORY how=tcp|udp|connecting|fresh to= token=`: a socket of the old cgroup is used in the new one, or a new one.
pub(crate) fn moved(args: &Args) -> Told {
    (|| {
        let to = args.address("to")?;
        let address = sys::inet(to);
        let token = args.text("token").as_bytes();
        let cgroup = Path::new(args.text("cgroup"));
        if args.text("how") == "fresh" {
            enter(cgroup).step("move")?;
            return Ok(tcp::attack(args));
        }
        if args.text("how") == "udp" {
            let socket = udp::open(to)?;
            enter(cgroup).step("move")?;
            sys::send_to(&socket, token, 0, &address).step("sendto")?;
            return Ok(Told::went("moved and sent"));
        }
        let socket = tcp::open(args, to, 0)?;
        if args.text("how") == "connecting" {
            sys::patience(&socket, std::time::Duration::from_micros(1)).step("patience")?;
            let under_way = sys::connect(&socket, &address);
            enter(cgroup).step("move")?;
            match under_way.map_err(|error| error.raw_os_error()) {
                Ok(()) | Err(Some(libc::EINPROGRESS)) => {}
                Err(errno) => {
                    let error = Error::from_raw_os_error(errno.unwrap_or(libc::EIO));
                    return Err(error).step("connect before the move");
                }
            }
            sys::patience(&socket, args.patience()).step("patience")?;
        } else {
            enter(cgroup).step("move")?;
            sys::connect(&socket, &address).step("connect")?;
        }
        sys::send(&socket, token).step("send")?;
        Ok(tcp::greeted(&socket, "moved and sent"))
    })()
    .into()
}

fn enter(cgroup: &Path) -> Result<()> {
    fs::write(cgroup.join("cgroup.procs"), "0")
}

/// Where this process is in the cgroup2 hierarchy that is mounted, or that it can mount.
pub(crate) fn own_cgroup() -> Result<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup")?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::"));
    let own = own.ok_or(Errno::ENOENT)?.trim_start_matches('/').to_owned();
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mounted = mounts.lines().find_map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        (words.get(2) == Some(&"cgroup2")).then(|| PathBuf::from(words[1]))
    });
    let root = match mounted {
        Some(root) => root,
        None => {
            let root = PathBuf::from("/tmp/attack-cgroup");
            fs::create_dir_all(&root)?;
            mount(&root, "cgroup2")?;
            root
        }
    };
    // A container's own cgroup is the root of what it sees, whatever its path is called.
    let below = root.join(&own);
    Ok(if below.exists() { below } else { root })
}

/// Mounts a file system of this type; only who has CAP_SYS_ADMIN may.
pub(crate) fn mount(at: &Path, kind: &str) -> Result<()> {
    let at = std::ffi::CString::new(at.as_os_str().as_encoded_bytes())?;
    let kind = std::ffi::CString::new(kind)?;
    // SAFETY: the texts end with a zero, and there is no data.
    let done = unsafe { libc::mount(kind.as_ptr(), at.as_ptr(), kind.as_ptr(), 0, std::ptr::null()) };
    if done == 0 {
        Ok(())
    } else {
        Err(Error::last_os_error())
    }
}
