//! Names of workloads, and folders that go with everything below them.

use super::{Caller, check_name, is_alive, is_populated, name_of_command, remove_tree};

#[test]
fn a_command_gives_a_good_name() {
    for (command, name) in [
        ("/usr/bin/curl", "curl"),
        ("my cmd", "my-cmd"),
        ("--", "run"),
        ("", "run"),
        ("../..", "run"),
        ("é", "run"),
    ] {
        assert_eq!(name_of_command(command), name, "{command}");
        assert!(check_name("name", &name_of_command(command)).is_ok());
    }
    assert!(check_name("name", &name_of_command(&"x".repeat(200))).is_ok());
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in ["", ".", "..", "a/b", "-x", "a b", "a\n", &"x".repeat(64)] {
        assert!(check_name("name", name).is_err(), "{name:?}");
    }
}

#[test]
fn a_tree_goes_as_a_whole_or_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let cgroup = folder.path().join("x-1");
    std::fs::create_dir_all(cgroup.join("a/b")).unwrap();
    std::fs::create_dir_all(cgroup.join("c")).unwrap();
    assert!(remove_tree(&cgroup));
    std::fs::create_dir_all(&cgroup).unwrap();
    std::fs::write(cgroup.join("cgroup.events"), "populated 1\nfrozen 0\n").unwrap();
    assert!(is_populated(&cgroup));
    assert!(!remove_tree(&cgroup), "in use");
    std::fs::write(cgroup.join("cgroup.events"), "populated 0\nfrozen 0\n").unwrap();
    assert!(!is_populated(&cgroup));
    assert!(
        !is_populated(&folder.path().join("none")),
        "one that is gone is empty"
    );
}

#[test]
fn a_number_alone_counts_for_its_own_user_only() {
    let mut caller = Caller {
        uid: nix::unistd::geteuid().as_raw(),
        pid: std::process::id(),
        pidfd: None,
        user: None,
        groups: Vec::new(),
    };
    assert!(is_alive(&caller));
    caller.uid += 1;
    assert!(!is_alive(&caller), "a process of another user has the number now");
}
