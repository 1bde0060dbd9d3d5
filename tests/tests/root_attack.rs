//! What a protected workload on the host's network tries in vain: each row of `docs/attacks.md`, from a container and from a
//! process that is root, at every level, and once without Cofferdam, where it works. `cargo xtask attack` prints them.
#![allow(clippy::expect_used, reason = "functions of a test")]

use cofferdam_tests::attack;

/// As the table says, or a list of the rows that are not.
fn hold(group: &str) {
    if let Err(error) = attack::hold(group) {
        panic!("{error:#}");
    }
}

/// G-ATTACKS: UDP in every way to send it, multicast and broadcast.
#[test]
fn root_no_datagram_goes_astray() {
    hold("datagrams");
}

/// G-ATTACKS: raw sockets and io_uring lead no datagram past the hooks.
#[test]
fn root_raw_sockets_and_rings_are_judged() {
    hold("raw");
}

/// G-ATTACKS: TCP, Fast Open, Multipath TCP, io_uring.
#[test]
fn root_no_stream_goes_astray() {
    hold("streams");
}

/// G-ATTACKS: SYNs with an option that is invented, seen before, or another workload's.
#[test]
fn root_no_handshake_is_borrowed() {
    hold("handshakes");
}

/// G-ATTACKS: no address of the host is forgotten.
#[test]
fn root_no_address_is_forgotten() {
    hold("reach");
}

/// G-ATTACKS: TCP ports that another holds.
#[test]
fn root_no_tcp_port_is_taken_from_its_owner() {
    hold("tcp-ports");
}

/// G-ATTACKS: UDP ports that another holds.
#[test]
fn root_no_udp_port_is_taken_from_its_owner() {
    hold("udp-ports");
}

/// G-ATTACKS: frames are captured and injected where the table says so, and nowhere else.
#[test]
fn root_frames_are_as_the_table_says() {
    hold("links");
}

/// G-ATTACKS: abstract unix sockets of others, sysctls of the network.
#[test]
fn root_names_and_sysctls_are_not_shared() {
    hold("names");
}

/// G-ATTACKS: netlink and vsock are open where the table says so, and nowhere else.
#[test]
fn root_other_families_are_as_the_table_says() {
    hold("families");
}

/// G-ATTACKS: a socket belongs to who made it.
#[test]
fn root_passed_sockets_stay_their_makers() {
    hold("passed");
}

/// G-ATTACKS: no other cgroup and no other program of BPF leads around the policy.
#[test]
fn root_no_cgroup_leads_around_the_policy() {
    hold("cgroups");
}

/// G-ATTACKS: a datagram socket that is older than the policy is judged by it.
#[test]
fn root_older_datagram_sockets_are_judged() {
    hold("older");
}

/// G-ATTACKS: no connection that is older than the policy outlives it, and nothing comes in while it changes.
#[test]
fn root_nothing_slips_through_a_change() {
    hold("swaps");
}
