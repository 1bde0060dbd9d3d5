//! The same hooks with empty programs: the floor that the benchmark measures against.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::path::Path;

use libbpf_rs::Link;
use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};

use crate::skel::empty::EmptySkelBuilder;
use crate::{Error, Result};

/// Empty programs on real hooks; dropping it detaches them.
pub struct Empty {
    _links: Vec<Link>,
}

/// What the program of the handshake does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// Nothing, like all others.
    Nothing,
    /// It writes an option into the segments that have the real one, as long as that, which proves nothing.
    ConstantOption,
}

// === impl Empty ===

impl Empty {
    /// Attaches connect and sendmsg to `root` and all other hooks to each of `protected`, as the real ones are.
    pub fn attach(root: &Path, protected: &[&Path], handshake: Handshake) -> Result<Self> {
        let absent = match handshake {
            Handshake::Nothing => "constant_option",
            Handshake::ConstantOption => "empty_handshake",
        };
        let object = Box::leak(Box::new(MaybeUninit::uninit()));
        let open = EmptySkelBuilder::default().open(object).map_err(Error::Load)?;
        let mut skel = open.load().map_err(Error::Load)?;
        let mut links = Vec::new();
        for program in skel.object_mut().progs_mut() {
            let name = program.name().to_string_lossy().into_owned();
            if name == absent {
                continue;
            }
            let everybody = name.contains("connect") || name.contains("sendmsg");
            let dirs = if everybody { &[root][..] } else { protected };
            for dir in dirs {
                let folder = File::open(dir).map_err(Error::file("open", *dir))?;
                let link = program.attach_cgroup(folder.as_raw_fd());
                links.push(link.map_err(|source| Error::Attach {
                    program: name.clone(),
                    to: dir.display().to_string(),
                    source,
                })?);
            }
        }
        Ok(Self { _links: links })
    }
}
