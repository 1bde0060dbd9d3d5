//! Refusals where only packets tell: one program a network namespace, attached to the lookup of its listeners.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::path::Path;

use libbpf_rs::Link;
use libbpf_rs::query::LinkTypeInfo;
use libbpf_rs::skel::{OpenSkel, SkelBuilder};

use crate::load::{attach_error, home};
use crate::skel::refuse::{RefuseSkel, RefuseSkelBuilder};
use crate::{Datapath, Error, Result, netns};

const PROGRAM: &str = "on_lookup";
/// What the program shares with those of `cofferdam.bpf.c`.
const SHARED_MAPS: [&str; 4] = ["settings", "epochs", "denials", "last_denial"];

// === impl Datapath ===

impl Datapath {
    /// Whoever is denied by a listener in this namespace is refused (RST) when it sends its SYN again, instead of never
    /// being answered. Safe to repeat; ends with the namespace.
    ///
    /// # Errors
    /// [`Error::Namespace`], [`Error::Load`], [`Error::Attach`], [`Error::Pin`]: denials there stay silent.
    pub fn refuse_in(&mut self, namespace: &File) -> Result<()> {
        let cookie = netns::netns_cookie(namespace)?;
        let name = format!("netns-{cookie}-{PROGRAM}");
        self.drop_ended();
        if self.links.iter().any(|link| is_named(link, &name)) {
            return Ok(());
        }
        let mut object = MaybeUninit::uninit();
        let skel = load(&mut object, &home(&self.settings.bpffs).join("maps"), cookie)?;
        let link = skel.progs.on_lookup.attach_netns(namespace.as_raw_fd());
        self.keep(link.map_err(attach_error(PROGRAM, "a network namespace"))?, &name)
    }

    /// The kernel ends a link with its namespace, but not its pin.
    fn drop_ended(&mut self) {
        self.links.retain_mut(|link| {
            let ended = link
                .info()
                .is_ok_and(|i| matches!(i.info, LinkTypeInfo::NetNs(n) if n.ino == 0));
            if ended {
                // A pin that is gone already is what we want.
                let _ = link.unpin();
            }
            !ended
        });
    }
}

fn is_named(link: &Link, name: &str) -> bool {
    link.pin_path()
        .is_some_and(|path| path.file_name().is_some_and(|n| n == name))
}

fn load<'a>(
    object: &'a mut MaybeUninit<libbpf_rs::OpenObject>,
    maps: &Path,
    netns: u64,
) -> Result<RefuseSkel<'a>> {
    let mut open = RefuseSkelBuilder::default().open(object).map_err(Error::Load)?;
    if let Some(constants) = open.maps.rodata_data.as_deref_mut() {
        constants.own_netns = netns;
    }
    for mut map in open.open_object_mut().maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        if SHARED_MAPS.contains(&name.as_str()) {
            let path = maps.join(&name);
            map.reuse_pinned_map(&path)
                .map_err(|source| Error::Pin { path, source })?;
        } else if !name.contains('.') {
            // Declared in the same headers, used by other programs.
            map.set_autocreate(false).map_err(Error::Load)?;
        }
    }
    open.load().map_err(Error::Load)
}
