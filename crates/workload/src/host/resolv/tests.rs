use super::*;

#[test]
fn nameserver_lines_count_and_nothing_else() {
    let text = "# nameserver 1.1.1.1\nsearch lan\nnameserver 192.0.2.1\n  nameserver\t2001:db8::1 # x\n\
                nameserver fe80::1%eth0\nnameserver nonsense\nnameserver\noptions ndots:0\nnameserver 192.0.2.1\n";
    let want: [IpAddr; 3] = [
        "192.0.2.1".parse().unwrap(),
        "2001:db8::1".parse().unwrap(),
        "fe80::1".parse().unwrap(),
    ];
    assert_eq!(parse(text), want);
}

#[test]
fn a_missing_file_is_named() {
    let error = resolvers("/nonexistent/resolv.conf".as_ref()).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/resolv.conf"), "{error}");
}

#[test]
fn a_bridged_container_is_never_sent_to_loopback() {
    if let Ok(found) = docker_fallback_resolvers(false) {
        assert!(
            found.iter().all(|ip| !ip.is_loopback()) && !found.is_empty(),
            "{found:?}"
        );
    }
}
