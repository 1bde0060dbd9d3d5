use super::*;

fn message(prefix_len: u8, attributes: Vec<AddressAttribute>) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.prefix_len = prefix_len;
    message.attributes = attributes;
    message
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_point_to_point_link_has_our_address_and_the_other_ends_prefix() {
    let tunnel = message(
        32,
        vec![
            AddressAttribute::Address(ip("10.8.0.2")),
            AddressAttribute::Local(ip("10.8.0.1")),
        ],
    );
    assert_eq!(own_address(&tunnel), Some(ip("10.8.0.1")));
    assert_eq!(prefix(&tunnel), Some("10.8.0.2/32".parse().unwrap()));
}

#[test]
fn ipv6_has_no_local_and_loopback_is_no_link() {
    let global = message(64, vec![AddressAttribute::Address(ip("2001:db8::7"))]);
    assert_eq!(own_address(&global), Some(ip("2001:db8::7")));
    assert_eq!(prefix(&global), Some("2001:db8::/64".parse().unwrap()));
    let loopback = message(8, vec![AddressAttribute::Local(ip("127.0.0.1"))]);
    assert_eq!(own_address(&loopback), Some(ip("127.0.0.1")));
    assert_eq!(prefix(&loopback), None);
    assert_eq!(own_address(&message(0, Vec::new())), None);
}

#[tokio::test]
async fn this_namespace_answers() {
    assert!(addresses().await.is_ok());
    assert!(
        link_prefixes()
            .await
            .unwrap()
            .iter()
            .all(|net| !net.addr().is_loopback())
    );
}
