use super::*;

fn engine(driver: &str, flag: Option<&str>) -> EngineInfo {
    EngineInfo {
        cgroup_driver: driver.to_owned(),
        cgroup_parent: flag.map(str::to_owned),
        ..EngineInfo::default()
    }
}

#[test]
fn the_driver_decides_where_nothing_is_configured() {
    let absent = Path::new("/nonexistent/daemon.json");
    assert_eq!(
        docker_cgroup_parents(&engine("cgroupfs", None), absent).unwrap(),
        [Path::new("docker")]
    );
    assert_eq!(
        docker_cgroup_parents(&engine("systemd", None), absent).unwrap(),
        [Path::new("system.slice")]
    );
}

#[test]
fn the_command_line_goes_before_the_file() {
    let file = std::env::temp_dir().join(format!("cofferdam-daemon-json-{}", std::process::id()));
    fs::write(&file, r#"{"cgroup-parent": "/boxes", "dns": ["192.0.2.1"]}"#).unwrap();
    let from_file = docker_cgroup_parents(&engine("cgroupfs", None), &file);
    let from_flag = docker_cgroup_parents(&engine("cgroupfs", Some("/lab/one")), &file);
    fs::write(&file, "{").unwrap();
    let broken = docker_cgroup_parents(&engine("cgroupfs", None), &file);
    fs::remove_file(&file).unwrap();
    assert_eq!(from_file.unwrap(), [Path::new("boxes")]);
    assert_eq!(from_flag.unwrap(), [Path::new("lab/one")]);
    assert!(matches!(broken, Err(HostError::DaemonJson { .. })));
}

#[test]
fn slices_nest_by_name() {
    assert_eq!(below_root("boxes.slice"), Some("boxes.slice".into()));
    assert_eq!(
        below_root("a-b-c.slice"),
        Some("a.slice/a-b.slice/a-b-c.slice".into())
    );
    assert_eq!(below_root("/a/b/"), Some("a/b".into()));
    assert_eq!(below_root("a/../../b"), None);
    assert_eq!(below_root(""), None);
}
