//! `sensitive-device`: a device that leads to the host.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "sensitive-device",
    title: "A device that leads to the host",
    severity: Severity::High,
    needs: Needs::Files,
    what: "`/dev/mem`, `/dev/kmem`, `/dev/port`, a whole disk, `/dev` itself, or SYS_RAWIO beside a \
         device.",
    why: "Physical memory and raw disks hold everything the host knows; whoever writes them is root.",
    fix: "Mount a folder instead of a disk; drop memory devices.",
    references: &[
        Reference::Cis("5.17", "5.18"),
        Reference::DockerBench("check_5_18"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        let mounts = place
            .service
            .mounts
            .iter()
            .filter_map(|mount| Some((mount.host_path()?, &mount.at)));
        let devices = place
            .service
            .devices
            .iter()
            .map(|device| (device.value.clone(), &device.at));
        for (path, at) in devices.chain(mounts.filter(|(path, _)| path.starts_with("/dev"))) {
            let memory = matches!(
                path.as_str(),
                "/dev/mem" | "/dev/kmem" | "/dev/port" | "/dev/kcore"
            );
            let disk = [
                "/dev/sd",
                "/dev/nvme",
                "/dev/vd",
                "/dev/xvd",
                "/dev/dm-",
                "/dev/mapper/",
                "/dev/disk",
            ]
            .iter()
            .any(|start| path.starts_with(start));
            let (severity, what) = match path.as_str() {
                _ if memory => (Severity::Critical, "the host's memory"),
                "/dev" => (Severity::High, "every device of the host"),
                _ if disk => (Severity::High, "a whole disk"),
                _ => continue,
            };
            out.push(
                Finding::of(place, at, format!("is given {path}: {what}"))
                    .severity(severity)
                    .key(path.clone())
                    .fix("remove the device; a folder of the disk can be mounted instead"),
            );
        }
    }
}
