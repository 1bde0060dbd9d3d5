use super::*;

const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:7 - cgroup2 cgroup2 rw
";

#[test]
fn hybrid_and_pure_hosts_are_told_apart() {
    assert_eq!(find_cgroup2(HYBRID), Some("/sys/fs/cgroup/unified".into()));
    let pure = "30 23 0:26 / /sys/fs/cgroup rw shared:9 master:3 - cgroup2 cgroup2 rw,nsdelegate\n";
    assert_eq!(find_cgroup2(pure), Some("/sys/fs/cgroup".into()));
    let v1_only = HYBRID.lines().take(2).collect::<Vec<_>>().join("\n");
    assert_eq!(find_cgroup2(&v1_only), None);
}

#[test]
fn the_usual_place_goes_before_a_bind_mount() {
    let text = format!("20 1 0:38 / /run/lab\\040one rw - cgroup2 none rw\n{HYBRID}");
    assert_eq!(find_cgroup2(&text), Some("/sys/fs/cgroup/unified".into()));
    assert_eq!(
        find_cgroup2(text.lines().next().unwrap()),
        Some("/run/lab one".into())
    );
    let part = "20 1 0:38 /docker /run/part rw - cgroup2 none rw\n";
    assert_eq!(find_cgroup2(part), None);
}

#[test]
fn the_v2_line_is_found_among_the_others() {
    let text = "9:name=systemd:/x\n1:cpu:/y\n0::/docker/abc\n";
    assert_eq!(find_v2_line(text), Some("docker/abc".into()));
    assert_eq!(find_v2_line("0::/\n"), Some("".into()));
    assert_eq!(find_v2_line("0::/../other\n"), None);
    assert_eq!(find_v2_line("0::/docker/abc (deleted)\n"), None);
    assert_eq!(find_v2_line("1:cpu:/y\n"), None);
}

#[test]
fn this_process_has_a_cgroup_and_a_namespace() {
    let own = std::process::id();
    assert!(cgroup_of(own).unwrap().starts_with(cgroup2_root().unwrap()));
    assert!(in_own_namespace(own).unwrap());
    assert!(namespace_file(own).is_ok());
    assert!(matches!(cgroup_of(u32::MAX), Err(HostError::Read { .. })));
}
