use super::*;

fn map(pairs: &[(&str, &[(&str, &str)])]) -> PortMap {
    let binding = |(ip, port): &(&str, &str)| PortBinding {
        host_ip: Some((*ip).to_owned()),
        host_port: Some((*port).to_owned()),
    };
    pairs
        .iter()
        .map(|(key, list)| ((*key).to_owned(), Some(list.iter().map(binding).collect())))
        .collect()
}

fn shown(facts: PortFacts<'_>) -> Vec<String> {
    published(facts).iter().map(ToString::to_string).collect()
}

#[test]
fn the_wish_stands_where_nothing_runs() {
    let wished = map(&[
        (
            "80/tcp",
            &[
                ("", "8080"),
                ("127.0.0.1", "8081"),
                ("::1", "8082"),
                ("0.0.0.0", "8083"),
                ("::", "8084"),
            ],
        ),
        ("53/udp", &[("127.0.0.2", "53")]),
        ("90/tcp", &[("", "")]),
        ("91", &[("", "0")]),
        ("92/tcp", &[("", "7400-7410")]),
    ]);
    let got = shown(PortFacts {
        wished: Some(&wished),
        ..PortFacts::default()
    });
    let want = [
        "8080:80/tcp",
        "0.0.0.0:8083:80/tcp",
        "127.0.0.1:8081:80/tcp",
        "[::]:8084:80/tcp",
        "[::1]:8082:80/tcp",
        "90/tcp",
        "91/tcp",
        "92/tcp",
        "127.0.0.2:53:53/udp",
    ];
    assert_eq!(got, want);
}

#[test]
fn the_outcome_goes_before_the_wish() {
    let wished = map(&[
        ("80/tcp", &[("", "0")]),
        ("81/tcp", &[("", "81")]),
        ("82/tcp", &[("", "82")]),
    ]);
    let actual = map(&[
        ("80/tcp", &[("0.0.0.0", "32770"), ("::", "32769")]),
        ("81/tcp", &[("127.0.0.1", "81")]),
        ("82/tcp", &[("0.0.0.0", "82"), ("::", "82")]),
        ("9000/tcp", &[]),
    ]);
    let got = shown(PortFacts {
        wished: Some(&wished),
        actual: Some(&actual),
        ..PortFacts::default()
    });
    assert_eq!(
        got,
        [
            "0.0.0.0:32770:80/tcp",
            "[::]:32769:80/tcp",
            "127.0.0.1:81:81/tcp",
            "82:82/tcp"
        ]
    );
}

#[test]
fn publish_all_opens_what_is_exposed_before_it_runs() {
    let exposed = ["80/tcp".to_owned(), "8000-8001/udp".to_owned()];
    let facts = PortFacts {
        exposed: Some(&exposed),
        publish_all: true,
        ..PortFacts::default()
    };
    assert_eq!(shown(facts), ["80/tcp", "8000/udp", "8001/udp"]);
    assert!(
        shown(PortFacts {
            publish_all: false,
            ..facts
        })
        .is_empty()
    );
}

#[test]
fn nonsense_opens_nothing() {
    let wished = map(&[
        ("x/tcp", &[("", "1")]),
        ("80/quic", &[("", "1")]),
        ("70000/tcp", &[("", "1")]),
    ]);
    assert!(
        shown(PortFacts {
            wished: Some(&wished),
            ..PortFacts::default()
        })
        .is_empty()
    );
    let wished = map(&[("80/tcp", &[("not-an-address", "1")])]);
    assert!(
        shown(PortFacts {
            wished: Some(&wished),
            ..PortFacts::default()
        })
        .is_empty()
    );
}
