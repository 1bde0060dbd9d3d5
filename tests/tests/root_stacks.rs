//! G-ADOPT on eight stacks: observed, they are as before; enforced, they lose only what the table names.
#![allow(clippy::expect_used, reason = "functions of a test")]

use cofferdam_tests::stacks::{STACKS, play};

fn run(word: &str) {
    let stack = STACKS
        .iter()
        .find(|s| s.name.contains(word))
        .expect("a stack of that name");
    println!("{}", play(stack).expect(stack.name));
}

#[test]
fn root_stack_home_automation() {
    run("home automation");
}

#[test]
fn root_stack_reverse_proxy() {
    run("reverse proxy");
}

#[test]
fn root_stack_dns_server() {
    run("DNS server");
}

#[test]
fn root_stack_media_server() {
    run("media server");
}

#[test]
fn root_stack_database() {
    run("PostgreSQL");
}

#[test]
fn root_stack_node_exporter() {
    run("node exporter");
}

#[test]
fn root_stack_agent() {
    run("an agent");
}

#[test]
fn root_stack_vpn() {
    run("VPN");
}

/// So that a stack which is added is also run.
#[test]
fn there_are_eight_stacks() {
    assert_eq!(STACKS.len(), 8);
}
