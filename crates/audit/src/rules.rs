//! Every rule, one file each. A new rule is a file here, a line in `RULES`, and a folder of fixtures.

use crate::rule::Rule;

mod abstract_socket_reach;
mod address_publish_reach;
mod api_socket;
mod apparmor_off;
mod contained;
mod daemon_tcp;
mod dangerous_capability;
mod database_publish;
mod default_bridge;
mod duplicate_port;
mod engine_socket;
mod facts;
mod firewall_bypass;
mod firewall_covers;
mod gateway_reach;
mod host_gateway;
mod host_ipc;
mod host_loopback_reach;
mod host_network;
mod host_packet_capture;
mod host_pid;
mod host_port_clash;
mod host_userns;
mod host_uts;
mod host_without_identity;
mod ignored_ports;
mod indirect_socket;
mod inherited_network;
mod inter_container;
mod ip6tables_off;
mod iptables_off;
mod ipv6_publish;
mod legacy_links;
mod loopback_publish_leak;
mod low_port_inside;
mod network_none;
mod no_firewall_driver;
mod no_new_privileges;
mod overlay_unencrypted;
mod plain_protocol;
mod privileged;
mod privileged_port_publish;
mod read_only_socket;
mod remote_to_root;
mod root_user;
mod route_localnet;
mod runtime_socket;
mod seccomp_off;
mod selinux_off;
mod sensitive_device;
mod sensitive_mount;
mod silent_port_share;
mod swarm_publish;
mod undeclared_listener;
mod unused_bind_capability;
mod unused_publish;
mod unused_raw_capability;
mod user_namespaces_off;
mod userland_proxy;
mod wildcard_publish;

/// All rules, the widely known ones first.
static RULES: &[Rule] = &[
    host_network::RULE,
    wildcard_publish::RULE,
    privileged_port_publish::RULE,
    engine_socket::RULE,
    host_pid::RULE,
    host_ipc::RULE,
    host_uts::RULE,
    host_userns::RULE,
    privileged::RULE,
    dangerous_capability::RULE,
    sensitive_device::RULE,
    seccomp_off::RULE,
    apparmor_off::RULE,
    selinux_off::RULE,
    user_namespaces_off::RULE,
    root_user::RULE,
    no_new_privileges::RULE,
    default_bridge::RULE,
    inter_container::RULE,
    overlay_unencrypted::RULE,
    userland_proxy::RULE,
    daemon_tcp::RULE,
    iptables_off::RULE,
    sensitive_mount::RULE,
    duplicate_port::RULE,
    host_loopback_reach::RULE,
    abstract_socket_reach::RULE,
    host_packet_capture::RULE,
    host_port_clash::RULE,
    silent_port_share::RULE,
    ignored_ports::RULE,
    inherited_network::RULE,
    database_publish::RULE,
    firewall_bypass::RULE,
    firewall_covers::RULE,
    loopback_publish_leak::RULE,
    address_publish_reach::RULE,
    gateway_reach::RULE,
    ipv6_publish::RULE,
    ip6tables_off::RULE,
    read_only_socket::RULE,
    indirect_socket::RULE,
    runtime_socket::RULE,
    api_socket::RULE,
    remote_to_root::RULE,
    no_firewall_driver::RULE,
    swarm_publish::RULE,
    host_gateway::RULE,
    unused_bind_capability::RULE,
    unused_raw_capability::RULE,
    unused_publish::RULE,
    undeclared_listener::RULE,
    route_localnet::RULE,
    plain_protocol::RULE,
    network_none::RULE,
    low_port_inside::RULE,
    legacy_links::RULE,
    host_without_identity::RULE,
];

/// Every rule.
pub fn all() -> &'static [Rule] {
    RULES
}

/// A rule by its id.
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}
