//! The API's socket file: made with its final rights, taken over from a dead daemon, never from a living one.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, umask};
use nix::unistd::{Group, chown, getegid};
use tokio::net::UnixListener;

use crate::Error;

/// A socket that listens; its file goes with it.
pub(crate) struct Socket {
    path: PathBuf,
    made_folder: bool,
}

/// Makes the socket. Its group may read; where the group does not exist, only root may use it at all.
pub(crate) fn bind(path: &Path, group: &str) -> Result<(UnixListener, Socket), Error> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let made_folder = !folder.exists();
    fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    remove_dead(path)?;
    // 0660 from birth: between bind and chmod anybody could connect.
    let before = umask(Mode::from_bits_truncate(0o117));
    let listener = UnixListener::bind(path);
    umask(before);
    let listener = listener.map_err(Error::io("listen on", path))?;
    give_to(path, group)?;
    Ok((
        listener,
        Socket {
            path: path.to_owned(),
            made_folder,
        },
    ))
}

/// Lets this group use the socket; where it does not exist, only root may.
pub(crate) fn give_to(path: &Path, group: &str) -> Result<(), Error> {
    let found = Group::from_name(group).ok().flatten();
    if found.is_none() {
        tracing::info!(
            "there is no group `{group}`: only root may use {}",
            path.display()
        );
    }
    let gid = found.map_or_else(getegid, |found| found.gid);
    chown(path, None, Some(gid)).map_err(|error| Error::io("give away", path)(error.into()))
}

fn remove_dead(path: &Path) -> Result<(), Error> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !found.file_type().is_socket() {
        return Err(Error::Preflight {
            what: format!("{} is in the way: it is no socket", path.display()),
            hint: "give another path with --socket, or remove it".to_owned(),
        });
    }
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(Error::Locked {
            path: path.to_owned(),
            pid: None,
        });
    }
    fs::remove_file(path).map_err(Error::io("remove", path))
}

// === impl Socket ===

impl Drop for Socket {
    fn drop(&mut self) {
        // systemd may have removed its runtime folder already.
        let _ = fs::remove_file(&self.path);
        if self.made_folder
            && let Some(folder) = self.path.parent()
        {
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    //! Whose the socket is, at the start and after a reload.

    use std::os::unix::fs::MetadataExt;

    use super::{bind, give_to};

    #[tokio::test]
    async fn root_the_group_may_change_while_it_listens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/socket");
        let (_listener, _socket) = bind(&path, "no-such-group").unwrap();
        let rights = || {
            let found = path.metadata().unwrap();
            (found.gid(), found.mode() & 0o777)
        };
        assert_eq!(rights(), (0, 0o660));
        let group = nix::unistd::Group::from_gid(1.into()).unwrap().unwrap();
        give_to(&path, &group.name).unwrap();
        assert_eq!(rights(), (1, 0o660));
        give_to(&path, "no-such-group").unwrap();
        assert_eq!(rights(), (0, 0o660), "it is gone: nobody keeps what it had");
    }
}
