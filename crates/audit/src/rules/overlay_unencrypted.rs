//! `overlay-unencrypted`: an overlay network is not encrypted.

use crate::finding::{Finding, Severity};
use crate::model::Estate;
use crate::rule::{Needs, Reference, Rule};

pub(super) const RULE: Rule = Rule {
    id: "overlay-unencrypted",
    title: "An overlay network is not encrypted",
    severity: Severity::Medium,
    needs: Needs::Files,
    what: "A network with `driver: overlay` and without the option `encrypted`.",
    why: "VXLAN carries everything in clear between the hosts, and whoever can send UDP 4789 to one of \
         them can put packets into the network.",
    fix: "`driver_opts: {encrypted: \"\"}`, and a firewall that keeps 4789 to the hosts of the swarm.",
    references: &[
        Reference::Cis("7.4", "7.3"),
        Reference::DockerBench("check_7_3"),
        Reference::Docs("engine/network/drivers/overlay/"),
    ],
    check,
};

fn check(estate: &Estate, out: &mut Vec<Finding>) {
    for project in &estate.projects {
        for network in &project.networks {
            let overlay = network.driver.as_ref().filter(|driver| driver.value == "overlay");
            let Some(driver) = overlay else { continue };
            if network.option("encrypted").is_none() {
                out.push(
                    Finding::new(
                        &driver.at,
                        format!(
                            "network {} carries everything in clear between hosts",
                            network.key
                        ),
                    )
                    .severity(Severity::Medium)
                    .key(network.key.clone())
                    .fix("`driver_opts: {encrypted: \"\"}`"),
                );
            }
        }
    }
}
