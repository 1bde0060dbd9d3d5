//! The lab itself: plain Docker in it behaves like Docker, and it leaves nothing behind.

use std::path::Path;

use cofferdam_tests::lab::{Lab, network};

/// G-UNTOUCHED before the first start. Without a daemon everybody reaches everybody, so that a denial in another test means something.
#[test]
fn root_lab_is_open_and_leaves_nothing() {
    let lab = Lab::new().expect("a lab");
    let engine = &lab.engine;
    engine
        .docker(&["run", "-d", "--net=host", "nginx"])
        .expect("host-mode nginx");
    engine
        .docker(&["run", "-d", "--name", "bridged", "-p", "8080:80", "nginx"])
        .expect("bridged nginx");
    let curl = |place: &cofferdam_tests::lab::Place, url: &str| {
        place
            .must(
                "curl",
                &[
                    "-gsS",
                    "--retry",
                    "20",
                    "--retry-connrefused",
                    "--retry-delay",
                    "0",
                    "--max-time",
                    "5",
                    url,
                ],
            )
            .expect(url)
    };
    for url in [
        "http://127.0.0.1",
        "http://[::1]",
        "http://127.0.0.1:8080",
        "http://172.17.0.1",
    ] {
        assert_eq!(curl(&lab.host, url), "cofferdam lab nginx\n");
    }
    for address in [network::HOST_V4.to_string(), format!("[{}]", network::HOST_V6)] {
        assert_eq!(
            curl(&lab.lan, &format!("http://{address}")),
            "cofferdam lab nginx\n"
        );
        assert_eq!(
            curl(&lab.lan, &format!("http://{address}:8080")),
            "cofferdam lab nginx\n"
        );
    }
    let inside = |url: &str| {
        engine
            .docker(&["run", "--rm", "curl", "curl", "-gsS", "--max-time", "5", url])
            .expect(url)
    };
    for url in ["http://172.17.0.1", "http://[fd00:b::1]", "http://192.168.77.1"] {
        assert_eq!(inside(url), "cofferdam lab nginx");
    }
    let cgroup = lab.cgroup_root().to_path_buf();
    let files = lab
        .paths
        .state
        .parent()
        .expect("the lab's directory")
        .to_path_buf();
    drop(lab);
    assert!(!cgroup.exists(), "{}", cgroup.display());
    assert!(!files.exists(), "{}", files.display());
    assert!(
        !Path::new("/sys/fs/cgroup/cpu")
            .join(cgroup.file_name().expect("a name"))
            .exists()
    );
}
