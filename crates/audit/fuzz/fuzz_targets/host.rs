//! What the kernel and the firewall's programs print, and saved facts.
#![no_main]

use cofferdam_audit::host::{Firewall, Host, abstract_sockets, sockets_of};
use cofferdam_audit::model::{Estate, Protocol};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let _ = (sockets_of(Protocol::Tcp, &text), sockets_of(Protocol::Udp, &text), abstract_sockets(&text));
    let _ = (Firewall::read(&text, "", ""), Firewall::read("", &text, &text));
    if let Ok(host) = Host::read(data) {
        let _ = cofferdam_audit::check(&Estate {
            host: Some(host),
            ..Estate::default()
        });
    }
});
