//! `sensitive-mount`: a folder that leads to the host is mounted.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

/// Whoever writes here is root of the host.
const WORST: &[&str] = &[
    "/",
    "/etc",
    "/boot",
    "/root",
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/sbin",
    "/proc",
    "/dev",
    "/var",
    "/var/lib/docker",
];
/// Secrets, logs, other programs' data.
const BAD: &[&str] = &[
    "/sys",
    "/home",
    "/var/lib",
    "/var/log",
    "/root/.ssh",
    "/etc/ssh",
    "/etc/shadow",
    "/opt",
    "/srv",
];

pub(super) const RULE: Rule = Rule {
    id: "sensitive-mount",
    title: "A folder that leads to the host is mounted",
    severity: Severity::High,
    needs: Needs::Files,
    what: "`/`, `/etc`, `/boot`, `/proc`, `/sys`, `/root`, `/home`, `/usr`, `/lib`, `/var/lib/docker` \
         and their like.",
    why: "Written, they make the container root of the host; read, they give keys and passwords away.",
    fix: "Mount the one file that it needs, `:ro`.",
    references: &[
        Reference::Cis("5.5", "5.6"),
        Reference::Kics("volume_has_sensitive_host_directory"),
        Reference::DockerBench("check_5_6"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for place in estate.places() {
        for mount in &place.service.mounts {
            let Some(path) = mount.host_path() else { continue };
            let severity = if WORST.contains(&path.as_str()) {
                Severity::High
            } else if BAD.contains(&path.as_str()) {
                Severity::Medium
            } else {
                continue;
            };
            let (severity, how, fix) = if mount.read_only {
                (
                    severity.better(),
                    "reads",
                    "mount only the file or folder below it that is needed",
                )
            } else {
                (
                    severity,
                    "writes",
                    "mount only the file or folder below it that is needed, with `:ro`",
                )
            };
            out.push(
                Finding::of(place, &mount.at, format!("{how} {path} of the host"))
                    .severity(severity)
                    .key(mount.target.clone())
                    .fix(fix),
            );
        }
    }
}
