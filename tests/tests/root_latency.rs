//! G-DENY-INSTANT in numbers: a client on this host learns within 100 ms that it was denied.

use cofferdam_tests::probe::{INSTANT_MS, Kind};

mod stage;

use stage::Stage;

const ATTEMPTS: u32 = 101;

/// Alone on the machine, so that the median is the product's.
#[test]
fn alone_root_denials_answer_at_once() {
    let stage = Stage::new();
    stage.serve("tcp", &["-l", "app=server", "--net=host"], "tcp", "[::]:7101");
    stage.serve("udp", &["-l", "app=server", "--net=host"], "udp", "[::]:7102");
    stage.serve("bridged", &["-l", "app=server"], "tcp", "[::]:7103");
    let inner = format!(
        "{}:7103",
        stage.address("bridged", "{{.NetworkSettings.IPAddress}}")
    );
    let inner6 = format!(
        "[{}]:7103",
        stage.address("bridged", "{{.NetworkSettings.GlobalIPv6Address}}")
    );
    let cases = [
        (Kind::Tcp, "127.0.0.1:7101"),
        (Kind::Tcp, "[::1]:7101"),
        (Kind::Udp, "127.0.0.1:7102"),
        (Kind::Udp, "[::1]:7102"),
        (Kind::SendTo, "127.0.0.1:7102"),
        (Kind::SendTo, "[::1]:7102"),
        (Kind::Tcp, &inner),
        (Kind::Tcp, &inner6),
    ];
    for (kind, address) in cases {
        for (who, attempts) in [
            ("host", stage.host_tries(kind, address, ATTEMPTS)),
            ("app=other", stage.run_tries("app=other", kind, address, ATTEMPTS)),
        ] {
            let worst = attempts.attempts.iter().map(|a| a.ms).fold(0.0, f64::max);
            println!(
                "{who} {kind:?} {address}: median {:.3} ms, worst {worst:.3} ms",
                attempts.median_ms()
            );
            assert!(attempts.all_refused(), "{who} {kind:?} {address}: {attempts:?}");
            assert!(attempts.median_ms() < INSTANT_MS);
        }
    }
}
