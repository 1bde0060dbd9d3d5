//! The audit of a running Podman, over its socket.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::path::Path;

use cofferdam_tests::lab::Lab;
use cofferdam_tests::probe::Server;
use serde_json::Value;

/// A Podman of its own below `$1`, with its cgroups in `$2`: a mount namespace hides what it writes elsewhere, and what
/// runs ends with the lab's cgroups. The limits are those that a machine without CAP_SYS_RESOURCE can set.
const START: &str = r#"
    mkdir -p /var/lib/cni
    mount -t tmpfs run /run
    mount -t tmpfs cni /var/lib/cni
    cd "$1"
    printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n' > containers.conf
    printf '[engine]\nlock_type = "file"\n' >> containers.conf
    export CONTAINERS_CONF="$1/containers.conf"
    mkdir -p image/bin network
    cp /usr/bin/busybox image/bin/ 2> /dev/null || cp /bin/busybox image/bin/
    podman() {
        command podman --root "$1/root" --runroot "$1/run" --tmpdir "$1/tmp" --storage-driver vfs \
            --cgroup-manager cgroupfs --network-config-dir "$1/network" "${@:2}"
    }
    here="$1"
    run() { podman "$here" run -d --cgroup-parent "$parent" "$@" >&2; }
    parent="$2"
    tar -C image -c . | podman "$here" import - box >&2
    podman "$here" system service --time 0 "unix://$1/podman.sock" >&2 &
    podman "$here" network create --internal inside >&2
    run --name web -p 8080:80 --label app=web box /bin/busybox httpd -f -p 80
    run --name joined --net container:web box /bin/busybox sleep 600
    run --name tool --net host -v "$1/podman.sock:/run/podman/podman.sock:ro" box /bin/busybox httpd -f -p 7000
    run --name inner --net inside box /bin/busybox httpd -f -p 90
    while [ ! -S podman.sock ]; do sleep 0.1; done
    echo ready
    wait
"#;

/// G-AUDIT-LIVE: containers, networks, listeners and advice are Podman's own.
#[test]
fn root_the_audit_asks_podman() {
    let folder = tempfile::tempdir().expect("folder");
    let lab = Lab::new().expect("a lab");
    let parent = lab.cgroup_root().file_name().expect("a name").to_string_lossy();
    let parent = format!("/{parent}/podman");
    let here = folder.path().display().to_string();
    let mut command = lab.host.command(
        "unshare",
        &["--mount", "bash", "-euc", START, "bash", &here, &parent],
    );
    let _podman = Server::start(&lab.host, &mut command).expect("podman");
    let findings = audit(&lab, folder.path(), &["--all"]);
    let findings = findings["findings"].as_array().expect("findings");
    let places = |rule: &str| -> Vec<&str> {
        let of_rule = findings.iter().filter(|finding| finding["rule"] == rule);
        of_rule.filter_map(|finding| finding["file"].as_str()).collect()
    };
    assert_eq!(places("host-network"), ["podman:tool"]);
    assert_eq!(places("wildcard-publish"), ["podman:web"]);
    assert_eq!(places("runtime-socket"), ["podman:tool"]);
    assert_eq!(places("undeclared-listener"), ["podman:tool"]);
    assert_eq!(places("inherited-network"), ["podman:joined"]);
    assert_eq!(places("default-bridge"), ["podman:web"], "`inside` is none");
    assert_eq!(places("gateway-reach"), ["podman:web"], "`inside` has no gateway");
    assert_eq!(places("user-namespaces-off"), ["engine:podman"]);
    for finding in findings {
        assert!(!finding["fix"].to_string().contains("daemon.json"), "{finding}");
    }
    let answer = audit(&lab, folder.path(), &["--matrix", "--probe"]);
    let paths = answer["paths"].as_array().expect("paths");
    let tried: Vec<&Value> = paths.iter().filter(|path| path["probe"].is_boolean()).collect();
    assert!(tried.len() >= 6, "{paths:?}");
    for path in tried {
        assert_eq!(path["probe"].as_bool(), Some(path["now"] == "reached"), "{path}");
    }
}

fn audit(lab: &Lab, folder: &Path, more: &[&str]) -> Value {
    let socket = folder.join("podman.sock").display().to_string();
    let mut args = vec!["audit", "--format", "json", "--json", "--engine", &socket];
    args.extend(more);
    let outcome = lab.cofferdam(&args).expect("the audit");
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"))
}
