use super::*;

#[test]
fn a_flag_is_read_in_both_spellings() {
    let words = ["dockerd", "--debug", "--cgroup-parent", "/lab", "-H", "unix:///x"];
    assert_eq!(flag_value(&words, "--cgroup-parent").as_deref(), Some("/lab"));
    assert_eq!(
        flag_value(&["dockerd", "--cgroup-parent=/lab"], "--cgroup-parent").as_deref(),
        Some("/lab")
    );
    assert_eq!(
        flag_value(&["dockerd", "--cgroup-parents=/lab"], "--cgroup-parent"),
        None
    );
    assert_eq!(
        flag_value(&["dockerd", "--cgroup-parent"], "--cgroup-parent"),
        None
    );
}

#[test]
fn a_containers_cgroup_is_the_part_that_names_it() {
    let id = ContainerId::new("a".repeat(64)).unwrap();
    let plain = format!("/sys/fs/cgroup/docker/{id}");
    let scope = format!("/sys/fs/cgroup/system.slice/docker-{id}.scope");
    assert_eq!(own_part(Path::new(&plain), &id), Some(plain.clone().into()));
    assert_eq!(
        own_part(Path::new(&format!("{plain}/init.scope")), &id),
        Some(plain.clone().into())
    );
    assert_eq!(
        own_part(Path::new(&format!("{plain}/docker/{id}")), &id),
        Some(plain.into())
    );
    assert_eq!(own_part(Path::new(&scope), &id), Some(scope.into()));
    assert_eq!(own_part(Path::new("/sys/fs/cgroup/other"), &id), None);
}
