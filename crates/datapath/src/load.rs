//! Loads the programs, adopts what an earlier daemon pinned, and attaches the hooks that everybody passes.
//!
//! Layout below the bpffs folder: `v<ABI>/maps/<map>` and `v<ABI>/links/<generation>/<link>`. A new daemon attaches its
//! own generation of links beside the old one (any program's deny wins, and both read the same maps), and only
//! [`Datapath::settle`] drops the old one: no packet is ever unjudged in between.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use libbpf_rs::{Link, MapCore, MapFlags, MapHandle, OpenMapMut, ProgramMut};

use crate::abi::{bytes, read, types};
use crate::cgroups::Hooked;
use crate::closed::Told;
use crate::events::Ring;
use crate::features::{UNIX_PROGRAMS, is_wanted};
use crate::keys::Times;
use crate::repeats::Repeats;
use crate::skel::cofferdam::{CofferdamSkel, CofferdamSkelBuilder};
use crate::{Error, Global, Result};

/// Where the data plane lives.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder in bpffs that is ours alone, e.g. `/sys/fs/bpf/cofferdam`. Created if absent.
    pub bpffs: PathBuf,
    /// cgroup2 folder whose subtree is subject to the hooks; normally the root of the hierarchy.
    pub cgroup_root: PathBuf,
    /// Unannounced containers stay pending while no daemon lives, instead of becoming strangers.
    pub on_dead_closed: bool,
}

/// The loaded programs with their maps and links. Dropping it leaves everything pinned and in force.
pub struct Datapath {
    pub(crate) settings: Settings,
    pub(crate) skel: CofferdamSkel<'static>,
    /// All but those of folders that are hooked.
    pub(crate) links: Vec<Link>,
    pub(crate) ring: Ring,
    /// Folders that have packet hooks of this generation: themselves and all below are filtered.
    pub(crate) hooked: BTreeMap<PathBuf, Hooked>,
    /// Whether sockets are told of loopbacks and ports as their workload knows them.
    pub(crate) shows: bool,
    /// The kernel has refused to attach LSM programs.
    pub(crate) without_lsm: bool,
    /// When removed folders were looked for among them.
    pub(crate) swept: Instant,
    pub(crate) published_indexes: BTreeSet<u32>,
    /// Subjects with rules about the addresses of protected peers: the programs look those up for nobody else. A number is
    /// never given again, so none is taken out.
    pub(crate) by_address: HashSet<u32>,
    pub(crate) repeats: Repeats,
    pub(crate) closed: Told,
    pub(crate) keys: Times,
    generation: String,
    adopted: bool,
}

/// What everybody passes: only what a caller without a workload must be asked, too.
const ROOT_PROGRAMS: [&str; 5] = [
    "on_connect4",
    "on_connect6",
    "on_sendmsg4",
    "on_sendmsg6",
    "on_sysctl",
];

// === impl Datapath ===

impl Datapath {
    /// Loads and attaches. Maps that an earlier daemon pinned are adopted with their content.
    ///
    /// # Errors
    /// [`Error::Load`] where the kernel refuses, [`Error::Attach`], [`Error::Pin`]; nothing stays attached then but what
    /// was before.
    pub fn open(settings: &Settings) -> Result<Self> {
        let home = home(&settings.bpffs);
        let maps = home.join("maps");
        fs::create_dir_all(&maps).map_err(Error::file("create", &maps))?;
        let adopted = maps.join("settings").exists();
        let mut skel = load(&maps)?;
        pin_maps(&mut skel, &maps)?;
        let ring = Ring::open(&skel.maps.events)?;
        let generation = new_generation(&home)?;
        let mut datapath = Self {
            settings: settings.clone(),
            skel,
            links: Vec::new(),
            ring,
            hooked: BTreeMap::new(),
            shows: false,
            without_lsm: false,
            swept: Instant::now(),
            published_indexes: BTreeSet::new(),
            by_address: HashSet::new(),
            repeats: Repeats::default(),
            closed: Told::new(),
            keys: Times::default(),
            generation,
            adopted,
        };
        if !adopted {
            datapath.set_global(Global::default())?;
            if entries_of(&settings.bpffs)?
                .iter()
                .any(|version| *version != home)
            {
                datapath.hold()?;
            } else {
                datapath.ask_for_tickets(Duration::ZERO)?;
            }
        }
        datapath.heartbeat()?;
        datapath.finish_succession()?;
        datapath.ensure_key()?;
        datapath.forget_repeats()?;
        // What was summed up for an earlier daemon was its to tell.
        datapath.closed()?;
        datapath.attach_root()?;
        Ok(datapath)
    }

    /// Whether maps of an earlier daemon were found and taken over.
    #[must_use]
    pub fn adopted(&self) -> bool {
        self.adopted
    }

    /// Tells the programs that a daemon lives; call it at least every second.
    pub fn heartbeat(&self) -> Result<()> {
        self.skel
            .maps
            .heartbeat
            .update(bytes(&0_u32), bytes(&boot_time()), MapFlags::ANY)
            .map_err(Error::map("heartbeat", "write"))
    }

    /// Exchanges of datagrams that were judged before now are judged again.
    pub(crate) fn new_epoch(&mut self) -> Result<()> {
        let mut now = self.epochs()?;
        now.policy = now.policy.wrapping_add(1);
        self.write_epochs(&now)
    }

    pub(crate) fn epochs(&self) -> Result<types::epochs> {
        let found = self.skel.maps.epochs.lookup(bytes(&0_u32), MapFlags::ANY);
        Ok(found
            .map_err(Error::map("epochs", "read"))?
            .and_then(|b| read(&b))
            .unwrap_or_default())
    }

    pub(crate) fn write_epochs(&mut self, epochs: &types::epochs) -> Result<()> {
        let done = self
            .skel
            .maps
            .epochs
            .update(bytes(&0_u32), bytes(epochs), MapFlags::ANY);
        done.map_err(Error::map("epochs", "write"))
    }

    /// Drops the links of earlier daemons. Call it once every workload is bound again.
    pub fn settle(&mut self) -> Result<()> {
        self.release()?;
        drop_generations(&self.settings.bpffs, Some(&self.generation))?;
        // What is under way now was sent without.
        self.ask_for_tickets(Duration::from_secs(1))
    }

    /// Ends enforcement: detaches, unpins and leaves nothing behind.
    pub fn remove(mut self) -> Result<()> {
        let hooked = std::mem::take(&mut self.hooked).into_values();
        let hooked = hooked.flat_map(|hooked| hooked.pins);
        let hooked = hooked.filter_map(|pin| Link::open(pin).ok());
        for link in self.links.drain(..).chain(hooked) {
            // At once: the kernel ends a link that only lost its last reference some time later. Tracepoints cannot.
            let _ = link.detach();
        }
        remove_all(&self.settings.bpffs)
    }

    fn attach_root(&mut self) -> Result<()> {
        let root = self.settings.cgroup_root.clone();
        let unix = UNIX_PROGRAMS
            .into_iter()
            .filter(|name| is_wanted(name) == Some(true));
        for name in ROOT_PROGRAMS.into_iter().chain(unix) {
            let link = self.attach_cgroup(name, &root)?;
            self.links.push(link);
        }
        for (program, tracepoint) in [("on_mkdir", "cgroup_mkdir"), ("on_rmdir", "cgroup_rmdir")] {
            let link = self.program(program)?.attach_raw_tracepoint(tracepoint);
            let link = link.map_err(attach_error(program, tracepoint))?;
            self.keep(link, program)?;
        }
        Ok(())
    }

    /// Attaches one program to a cgroup folder and pins the link.
    pub(crate) fn attach_cgroup(&mut self, program: &str, dir: &Path) -> Result<Link> {
        let folder = File::open(dir).map_err(Error::file("open", dir))?;
        let link = self.program(program)?.attach_cgroup(folder.as_raw_fd());
        let link = link.map_err(attach_error(program, &dir.display().to_string()))?;
        let id = crate::cgroups::cgroup_id(dir)?;
        self.pin(link, &format!("{id}-{program}"))
    }

    pub(crate) fn keep(&mut self, link: Link, name: &str) -> Result<()> {
        let link = self.pin(link, name)?;
        self.links.push(link);
        Ok(())
    }

    fn pin(&self, mut link: Link, name: &str) -> Result<Link> {
        let path = home(&self.settings.bpffs)
            .join("links")
            .join(&self.generation)
            .join(name);
        link.pin(&path).map_err(|source| Error::Pin { path, source })?;
        Ok(link)
    }

    fn program(&mut self, name: &str) -> Result<ProgramMut<'_>> {
        let found = self.skel.object_mut().progs_mut().find(|p| p.name() == name);
        found.ok_or_else(|| Error::Load(libbpf_rs::Error::from_raw_os_error(nix::libc::ENOENT)))
    }
}

// === pins and generations ===

pub(crate) fn home(bpffs: &Path) -> PathBuf {
    bpffs.join(format!("v{}", types::abi_version::ABI_VERSION.0))
}

fn load(maps: &Path) -> Result<CofferdamSkel<'static>> {
    // What the verifier says is in the error's source; libbpf would print all of it besides.
    libbpf_rs::set_print(None);
    // One a process, and its programs must outlive every borrow: leaked on purpose.
    let object = Box::leak(Box::new(MaybeUninit::uninit()));
    let mut open = CofferdamSkelBuilder::default()
        .open(object)
        .map_err(Error::Load)?;
    for mut program in open.open_object_mut().progs_mut() {
        let name = program.name().to_owned();
        if let Some(wanted) = is_wanted(&name.to_string_lossy()) {
            program.set_autoload(wanted);
        }
    }
    for mut map in open.open_object_mut().maps_mut() {
        let pin = maps.join(map.name());
        if pin.exists() {
            fits(&map, &pin)?;
            map.reuse_pinned_map(&pin)
                .map_err(|source| Error::Pin { path: pin, source })?;
        }
    }
    open.load().map_err(Error::Load)
}

/// A pinned map of another shape would be read and written past its ends.
pub(crate) fn fits(map: &OpenMapMut<'_>, pin: &Path) -> Result<()> {
    let found = MapHandle::from_pinned_path(pin).map_err(|source| Error::Pin {
        path: pin.to_owned(),
        source,
    })?;
    let same = (found.key_size(), found.value_size()) == (map.key_size(), map.value_size());
    if same {
        Ok(())
    } else {
        Err(Error::Foreign(pin.to_owned()))
    }
}

fn pin_maps(skel: &mut CofferdamSkel<'_>, maps: &Path) -> Result<()> {
    for mut map in skel.object_mut().maps_mut() {
        let pin = maps.join(map.name());
        // Constant data belongs to one build of the programs.
        if !pin.exists() && !map.name().to_string_lossy().contains('.') {
            map.pin(&pin).map_err(|source| Error::Pin { path: pin, source })?;
        }
    }
    Ok(())
}

fn new_generation(home: &Path) -> Result<String> {
    let name = boot_time().to_string();
    let dir = home.join("links").join(&name);
    fs::create_dir_all(&dir).map_err(Error::file("create", &dir))?;
    Ok(name)
}

/// Removes every generation of links but `keep`, of every ABI version but ours.
fn drop_generations(bpffs: &Path, keep: Option<&str>) -> Result<()> {
    let home = home(bpffs);
    for version in entries_of(bpffs)? {
        if version != home {
            remove_tree(&version)?;
        }
    }
    for generation in entries_of(&home.join("links"))? {
        if keep.is_none_or(|k| !generation.ends_with(k)) {
            remove_tree(&generation)?;
        }
    }
    Ok(())
}

fn remove_all(bpffs: &Path) -> Result<()> {
    drop_generations(bpffs, None)?;
    remove_tree(bpffs)
}

fn entries_of(dir: &Path) -> Result<Vec<PathBuf>> {
    let list = fs::read_dir(dir).map_err(Error::file("read", dir))?;
    Ok(list.filter_map(|e| e.ok().map(|e| e.path())).collect())
}

/// Removes a folder of pins. Links among them are ended first: the kernel gets to one that only lost its last name some
/// time later, and until then it still judges. Those of ingress go before all others: what nobody wrote a ticket or a
/// record for on its way out would be a stranger's to them.
fn remove_tree(dir: &Path) -> Result<()> {
    let links = links_below(dir);
    let (ingress, others): (Vec<_>, Vec<_>) = links.iter().partition(|link| {
        link.file_name()
            .is_some_and(|name| name.to_string_lossy().ends_with("on_ingress"))
    });
    for link in ingress.into_iter().chain(others) {
        // Tracepoints cannot be detached; they only bind what is born, which two generations do alike.
        let _ = Link::open(link).and_then(|link| link.detach());
    }
    fs::remove_dir_all(dir).map_err(Error::file("remove", dir))
}

fn links_below(path: &Path) -> Vec<PathBuf> {
    if let Ok(children) = fs::read_dir(path) {
        return children
            .flatten()
            .flat_map(|child| links_below(&child.path()))
            .collect();
    }
    let is_link = path.ancestors().any(|a| a.ends_with("links"));
    is_link.then(|| path.to_owned()).into_iter().collect()
}

pub(crate) fn attach_error(program: &str, to: &str) -> impl FnOnce(libbpf_rs::Error) -> Error {
    let (program, to) = (program.to_owned(), to.to_owned());
    move |source| Error::Attach { program, to, source }
}

/// Nanoseconds since boot, the clock of every time in the maps.
pub(crate) fn boot_time() -> u64 {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME)
        .map(|t| t.tv_sec().cast_unsigned() * 1_000_000_000 + t.tv_nsec().cast_unsigned())
        .unwrap_or_default()
}
