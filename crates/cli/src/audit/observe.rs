//! Watches running containers for a while: on what they listen, who connects, whether they make raw sockets. By the
//! kernel's tables of each container's network, once a second.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use cofferdam_audit::host::{Observation, sockets_of};
use cofferdam_audit::model::Project;

use super::host::{TABLES, container_of};
use crate::output::note;

const PAUSE: Duration = Duration::from_secs(1);

/// Watches every running container that has a network of its own.
pub(super) fn observe(projects: &[Project], seconds: u64) -> Vec<Observation> {
    note(&format!("watching containers for {seconds} s"));
    let processes = processes();
    let own = fs::read_link("/proc/self/ns/net").ok();
    let services = projects.iter().flat_map(|project| &project.services);
    let mut watched: Vec<(u32, Observation)> = services
        .filter_map(|service| {
            let id = service.id.as_deref()?;
            let (pid, _) = processes.iter().find(|(_, container)| container == id)?;
            // In host mode the table is the host's: it does not say what is the container's.
            let namespace = fs::read_link(format!("/proc/{pid}/ns/net")).ok();
            (namespace != own).then(|| {
                let observation = Observation {
                    container: service.name.clone(),
                    seconds,
                    ..Observation::default()
                };
                (*pid, observation)
            })
        })
        .collect();
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        for (pid, observation) in &mut watched {
            look(*pid, observation);
        }
        if Instant::now() >= end {
            break;
        }
        thread::sleep(PAUSE);
    }
    watched.into_iter().map(|(_, observation)| observation).collect()
}

fn look(pid: u32, observation: &mut Observation) {
    let read = |table: &str| fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
    for (protocol, table) in TABLES {
        let (waiting, connected) = sockets_of(protocol, &read(table));
        for (_, address, port, _) in waiting {
            if !address.is_loopback() && !observation.listens.contains(&(protocol, port)) {
                observation.listens.push((protocol, port));
            }
        }
        for port in connected {
            if !observation.used.contains(&(protocol, port)) {
                observation.used.push((protocol, port));
            }
        }
    }
    // The first line is the header.
    observation.raw |= ["raw", "raw6", "packet"]
        .iter()
        .any(|table| read(table).lines().count() > 1);
}

/// Processes and the containers that they run in.
pub(super) fn processes() -> Vec<(u32, String)> {
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
    folders
        .filter_map(|folder| {
            let pid = folder.file_name().to_string_lossy().parse().ok()?;
            let groups = fs::read_to_string(folder.path().join("cgroup")).ok()?;
            Some((pid, container_of(&groups)?))
        })
        .collect()
}
