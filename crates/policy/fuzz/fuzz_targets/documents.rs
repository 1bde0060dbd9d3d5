//! Policy documents: read, or refused with places that exist; what is read compiles, and both engines agree.
#![no_main]

use cofferdam_policy::{Attempt, End, Identity, Labels, Peer, Protocol, Subject, World, compile, decide, documents};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let read = match documents::parse("a.yaml", data) {
        Ok(read) => read,
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            for one in mistakes {
                assert!(one.line > 0 && one.column > 0 && one.width > 0 && !one.to_string().is_empty());
            }
            return;
        }
    };
    let labels: Labels = [("app".to_owned(), "web".to_owned())].into();
    let world = World {
        identities: vec![Identity {
            number: Peer(256),
            namespace: "default".to_owned(),
            identity_labels: labels.clone().into(),
            labels: labels.into(),
            named_ports: Vec::new(),
        }],
        subjects: vec![Subject { number: 1, identity: Peer(256), openings: Vec::new(), profile: None }],
        documents: read,
        ..World::default()
    };
    let Ok(compiled) = compile(&world) else { return };
    let attempt = Attempt {
        from: End::Subject(1),
        to: End::Subject(1),
        protocol: Protocol::TCP,
        port: 80,
        from_address: Some([10, 0, 0, 1].into()),
        to_address: Some([10, 0, 0, 2].into()),
    };
    assert_eq!(compiled.verdict(&world, &attempt), decide(&world, &attempt));
});
