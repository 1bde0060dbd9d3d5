//! Kernels that will do and kernels that will not; folders that are on no bpffs.

use std::path::Path;

use super::{bpffs, capabilities, kernel};

#[test]
fn old_kernels_are_named() {
    for good in ["6.1.0-28-amd64", "6.18.44", "7.0", "10.2.1-rc1", "custom"] {
        assert!(kernel(good, true).is_ok(), "{good}");
    }
    let error = kernel("5.15.0-generic", true).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Linux 5.15.0-generic is too old: 6.1 is needed"
    );
    assert!(error.hint().is_some());
    assert!(
        kernel("6.12.1", false)
            .unwrap_err()
            .to_string()
            .contains("no BTF")
    );
}

#[test]
fn missing_capabilities_are_named() {
    assert!(capabilities("CapEff:\t000001ffffffffff\n").is_ok());
    let error = capabilities("Name:\tx\nCapEff:\t00000000a80425fb\n")
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("it lacks CAP_NET_ADMIN, CAP_SYS_PTRACE, CAP_SYS_ADMIN"),
        "{error}"
    );
}

#[test]
fn pins_need_a_bpffs() {
    let folder = tempfile::tempdir().unwrap();
    let error = bpffs(&folder.path().join("pins")).unwrap_err();
    assert!(error.to_string().ends_with("is not on a bpffs"), "{error}");
    assert!(!Path::new(&folder.path().join("pins")).exists());
}
