//! Switches that hold for every workload at once, kept in one map, so that they work without a daemon too.

use std::path::Path;
use std::time::Duration;

use libbpf_rs::{MapCore, MapFlags, MapHandle};

use crate::abi::{bytes, read, types};
use crate::load::{boot_time, home};
use crate::{Datapath, Error, Result};

/// Switches that hold for every workload at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Global {
    /// Every program allows at once.
    pub off: bool,
    /// Denials are recorded, not carried out.
    pub observe: bool,
    /// What was allowed is not recorded.
    pub denials_only: bool,
    /// Cookie of the namespace whose loopback is shared by the host.
    pub host_netns: u64,
}

/// Values of `off` in the map; the programs only tell 0 from the rest.
const ON: u32 = 0;
const OFF: u32 = 1;
/// Not yet on: programs of another ABI judge until every workload is bound in the new maps.
const HELD: u32 = 2;

// === impl Datapath ===

impl Datapath {
    /// Sets the switches. `off` set by another process is overwritten, so read [`Datapath::global`] first.
    pub fn set_global(&mut self, global: Global) -> Result<()> {
        let held = read_settings(&self.skel.maps.settings)?.off == HELD;
        let new = types::settings {
            abi: types::abi_version::ABI_VERSION.0,
            off: match (global.off, held) {
                (true, _) => OFF,
                (false, true) => HELD,
                (false, false) => ON,
            },
            observe: u32::from(global.observe),
            on_dead_closed: u32::from(self.settings.on_dead_closed),
            host_netns: global.host_netns,
            denials_only: u32::from(global.denials_only),
            ..types::settings::default()
        };
        write_settings(&self.skel.maps.settings, &new)?;
        self.new_epoch()
    }

    /// The switches as they are in the kernel.
    pub fn global(&self) -> Result<Global> {
        let now = read_settings(&self.skel.maps.settings)?;
        Ok(Global {
            off: now.off == OFF,
            observe: now.observe != 0,
            host_netns: now.host_netns,
            denials_only: now.denials_only != 0,
        })
    }

    /// Leaves the verdicts to programs of another ABI: with maps that are still being filled, one workload would be a
    /// stranger to the next.
    pub(crate) fn hold(&mut self) -> Result<()> {
        let mut now = read_settings(&self.skel.maps.settings)?;
        now.off = HELD;
        write_settings(&self.skel.maps.settings, &now)
    }

    /// Datagrams on loopback carry a ticket from now on and need one after `delay`. No effect where that was said before.
    pub(crate) fn ask_for_tickets(&mut self, delay: Duration) -> Result<()> {
        let map = &self.skel.maps.tickets_from;
        let said = map
            .lookup(bytes(&0_u32), MapFlags::ANY)
            .map_err(Error::map("tickets_from", "read"))?;
        if said.and_then(|b| read::<u64>(&b)).is_some_and(|from| from != 0) {
            return Ok(());
        }
        let from = boot_time() + u64::try_from(delay.as_nanos()).unwrap_or_default();
        map.update(bytes(&0_u32), bytes(&from), MapFlags::ANY)
            .map_err(Error::map("tickets_from", "write"))
    }

    /// Ends [`Datapath::hold`], also that of a daemon which was killed meanwhile.
    pub(crate) fn release(&mut self) -> Result<()> {
        let mut now = read_settings(&self.skel.maps.settings)?;
        if now.off != HELD {
            return Ok(());
        }
        now.off = ON;
        write_settings(&self.skel.maps.settings, &now)
    }
}

/// Switches enforcement off or on without a daemon, alive or not.
///
/// # Errors
/// [`Error::NotLoaded`] where nothing is pinned.
pub fn set_off(bpffs: &Path, off: bool) -> Result<()> {
    let path = home(bpffs).join("maps/settings");
    let map = MapHandle::from_pinned_path(&path).map_err(|_| Error::NotLoaded(bpffs.to_owned()))?;
    let mut now = read_settings(&map)?;
    now.off = if off { OFF } else { ON };
    write_settings(&map, &now)
}

fn read_settings(map: &impl MapCore) -> Result<types::settings> {
    let found = map
        .lookup(bytes(&0_u32), MapFlags::ANY)
        .map_err(Error::map("settings", "read"))?;
    Ok(found.and_then(|b| read(&b)).unwrap_or_default())
}

fn write_settings(map: &impl MapCore, value: &types::settings) -> Result<()> {
    map.update(bytes(&0_u32), bytes(value), MapFlags::ANY)
        .map_err(Error::map("settings", "write"))
}
