//! What a strict `run` takes from itself before the command takes its place: capabilities, new privileges, kinds of
//! sockets. The command and its children cannot take it back.
//!
//! All of it belongs to a thread, and the one that executes the command is this one.

use cofferdam_policy::containment::Containment;
use landlock::{CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetError, RulesetStatus, Scope};
use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, capabilities, remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

use crate::failure::Failure;

mod sockets;
#[cfg(test)]
mod tests;

/// What administers the network, or leads around what contains it: loads programs into the kernel, enters other
/// namespaces, takes the sockets of other processes.
const GIVEN_UP: CapabilitySet = CapabilitySet::NET_ADMIN
    .union(CapabilitySet::NET_BROADCAST)
    .union(CapabilitySet::BPF)
    .union(CapabilitySet::PERFMON)
    .union(CapabilitySet::SYS_ADMIN)
    .union(CapabilitySet::SYS_PTRACE)
    .union(CapabilitySet::SYS_MODULE)
    .union(CapabilitySet::SYS_RAWIO)
    .union(CapabilitySet::SYS_BOOT)
    .union(CapabilitySet::MAC_ADMIN)
    .union(CapabilitySet::MAC_OVERRIDE);

/// Does nothing unless it is strict. Returns what this kernel cannot do, a sentence each.
pub(super) fn restrict(containment: Option<&Containment>) -> Result<Vec<String>, Failure> {
    let Some(containment) = containment.filter(|one| one.strict) else {
        return Ok(Vec::new());
    };
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        Failure::new(format!("{what}: {error}"))
            .hint("without `--contain strict` the command starts, and has more of the host's network")
    };
    // First: what is taken away then stays away, whatever the command executes.
    set_no_new_privs(true).map_err(|error| failed("cannot give up new privileges", &error))?;
    give_up(given_up(containment)).map_err(|error| failed("cannot give up capabilities", &error))?;
    let mut missing = Vec::new();
    // Landlock knows no names; where some are declared, the hook that does decides alone.
    if containment.allow.abstract_names.is_empty()
        && !scope().map_err(|error| failed("cannot give up abstract unix sockets", &error))?
    {
        missing.push(
            "this kernel cannot scope abstract unix sockets (Landlock of Linux 6.12 can): those of others are refused only \
             where the daemon has a hook for it, see `cofferdam doctor`"
                .to_owned(),
        );
    }
    sockets::refuse(containment).map_err(|error| failed("cannot give up kinds of sockets", &error))?;
    Ok(missing)
}

fn given_up(containment: &Containment) -> CapabilitySet {
    if containment.allow.packet || containment.allow.raw {
        GIVEN_UP
    } else {
        GIVEN_UP.union(CapabilitySet::NET_RAW)
    }
}

/// Out of every set. The kernel takes them out of the ambient one by itself.
fn give_up(given_up: CapabilitySet) -> Result<(), Errno> {
    for one in given_up.iter() {
        match remove_capability_from_bounding_set(one) {
            // Not ours to change, and with no new privileges nothing comes out of it; or older than the capability.
            Ok(()) | Err(Errno::PERM | Errno::INVAL) => {}
            Err(error) => return Err(error),
        }
    }
    let mut sets = capabilities(None)?;
    sets.effective.remove(given_up);
    sets.permitted.remove(given_up);
    sets.inheritable.remove(given_up);
    set_capabilities(None, sets)
}

/// Abstract unix sockets are those of this process and its children from now on. `false`: this kernel cannot.
fn scope() -> Result<bool, RulesetError> {
    let rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .scope(Scope::AbstractUnixSocket)?
        .create()?;
    Ok(rules.restrict_self()?.ruleset == RulesetStatus::FullyEnforced)
}
