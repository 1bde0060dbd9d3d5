//! Many entries of a map in one system call: a policy of 10,000 workloads has hundreds of thousands.

use std::os::fd::AsRawFd;

use libbpf_rs::libbpf_sys::{bpf_map_batch_opts, bpf_map_lookup_batch};
use libbpf_rs::{ErrorKind, MapCore, MapFlags, Result};
use nix::errno::Errno;

use crate::cgroups::ignore_absent;

/// Entries of one call: the kernel copies them one by one, so more would win nothing.
const SIZE: usize = 4096;
const LARGEST: usize = 1 << 20;

/// Writes entries, keys and values one behind the other. Ends at the first that is refused: those before it are written.
pub(crate) fn write(map: &impl MapCore, keys: &[u8], values: &[u8]) -> Result<()> {
    let (key, value) = sizes(map);
    for (keys, values) in keys.chunks(SIZE * key).zip(values.chunks(SIZE * value)) {
        map.update_batch(
            keys,
            values,
            count(keys.len() / key),
            MapFlags::ANY,
            MapFlags::ANY,
        )?;
    }
    Ok(())
}

/// Removes entries; those that are not there are fine.
pub(crate) fn remove(map: &impl MapCore, keys: &[u8]) -> Result<()> {
    let (key, _) = sizes(map);
    for keys in keys.chunks(SIZE * key) {
        match map.delete_batch(keys, count(keys.len() / key), MapFlags::ANY, MapFlags::ANY) {
            // The kernel stops at one that is not there.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                keys.chunks(key)
                    .try_for_each(|one| ignore_absent(map.delete(one)))?;
            }
            done => done?,
        }
    }
    Ok(())
}

/// Shows every entry. The iterator of `libbpf-rs` takes a call that brings less than it could for the last one; of a hash
/// it is not, if the next place holds more than is left.
pub(crate) fn read(map: &impl MapCore, mut visit: impl FnMut(&[u8], &[u8])) -> Result<()> {
    let (key, value) = sizes(map);
    let mut size = SIZE;
    // Where the next call goes on: a number, or a key.
    let (mut from, mut next) = (None::<Vec<u8>>, vec![0; key.max(size_of::<u32>())]);
    loop {
        let (mut keys, mut values) = (vec![0; size * key], vec![0; size * value]);
        let mut found = count(size);
        let options = bpf_map_batch_opts {
            sz: size_of::<bpf_map_batch_opts>() as _,
            ..Default::default()
        };
        // SAFETY: the buffers hold `found` entries of this map, and a key each to go on from and to.
        let done = unsafe {
            bpf_map_lookup_batch(
                map.as_fd().as_raw_fd(),
                from.as_mut()
                    .map_or(std::ptr::null_mut(), |from| from.as_mut_ptr().cast()),
                next.as_mut_ptr().cast(),
                keys.as_mut_ptr().cast(),
                values.as_mut_ptr().cast(),
                &raw mut found,
                &raw const options,
            )
        };
        let end = match (done, Errno::from_raw(-done)) {
            (0, _) => false,
            (_, Errno::ENOENT) => true,
            (_, Errno::EINTR) => continue,
            // One place of a hash holds more.
            (_, Errno::ENOSPC) if size < LARGEST => {
                size *= 2;
                continue;
            }
            (error, _) => return Err(libbpf_rs::Error::from_raw_os_error(-error)),
        };
        let found = usize::try_from(found).unwrap_or(0).min(size);
        let entries = keys.chunks(key).zip(values.chunks(value)).take(found);
        entries.for_each(|(key, value)| visit(key, value));
        if end {
            return Ok(());
        }
        from = Some(next.clone());
    }
}

fn sizes(map: &impl MapCore) -> (usize, usize) {
    (map.key_size() as usize, map.value_size() as usize)
}

fn count(entries: usize) -> u32 {
    u32::try_from(entries).unwrap_or(u32::MAX)
}
