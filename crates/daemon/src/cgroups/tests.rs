//! Where a workload's processes are found.

use super::first_process;

#[test]
fn a_process_is_found_below_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("docker.service");
    std::fs::create_dir_all(unit.join("a/b")).unwrap();
    assert_eq!(first_process(&unit), None);
    for (below, processes) in [("", ""), ("a", ""), ("a/b", "71\n72\n")] {
        std::fs::write(unit.join(below).join("cgroup.procs"), processes).unwrap();
    }
    assert_eq!(first_process(&unit), Some(71));
    std::fs::write(unit.join("cgroup.procs"), "5\n").unwrap();
    assert_eq!(first_process(&unit), Some(5), "its own before those below");
}
