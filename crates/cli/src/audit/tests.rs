//! What `audit` prints and which files it takes.

use std::fs;
use std::path::PathBuf;

use super::files;
use super::host::container_of;

fn folder(names: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("folder");
    for (name, text) in names {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("parent")).expect("folders");
        fs::write(path, text).expect("file");
    }
    folder
}

#[test]
fn a_folder_gives_its_projects_with_their_overrides() {
    let compose = "services:\n  a: {image: x}\n";
    let folder = folder(&[
        ("a/compose.yaml", compose),
        ("a/compose.override.yaml", compose),
        ("b/other.yml", compose),
        ("b/workflow.yml", "on: push\njobs: {}\n"),
        ("node_modules/compose.yaml", compose),
        (".hidden/compose.yaml", compose),
    ]);
    let found = files::find(&[folder.path().to_path_buf()]).expect("found");
    let names: Vec<Vec<PathBuf>> = found
        .projects
        .iter()
        .map(|files| {
            files
                .iter()
                .map(|file| {
                    PathBuf::from(file)
                        .strip_prefix(folder.path())
                        .expect("below")
                        .into()
                })
                .collect()
        })
        .collect();
    assert_eq!(
        names,
        [
            vec![
                PathBuf::from("a/compose.yaml"),
                PathBuf::from("a/compose.override.yaml")
            ],
            vec![PathBuf::from("b/other.yml")],
        ]
    );
}

#[test]
fn an_override_that_is_named_beside_its_file_is_merged() {
    let compose = "services:\n  a: {image: x}\n";
    let names = [
        "b/compose.override.yaml",
        "b/compose.yaml",
        "b/docker-compose.prod.yml",
        "c/compose.override.yaml",
    ];
    let folder = folder(&names.map(|name| (name, compose)));
    let paths: Vec<PathBuf> = names.iter().map(|name| folder.path().join(name)).collect();
    let found = files::find(&paths).expect("found");
    let ends: Vec<Vec<&str>> = found
        .projects
        .iter()
        .map(|files| files.iter().filter_map(|file| file.rsplit('/').next()).collect())
        .collect();
    assert_eq!(
        ends,
        [
            vec!["compose.yaml", "compose.override.yaml"],
            vec!["docker-compose.prod.yml"],
            vec!["compose.override.yaml"],
        ]
    );
}

#[test]
fn a_path_that_is_not_there_is_an_error() {
    assert!(files::find(&[PathBuf::from("/nowhere/at/all")]).is_err());
}

#[test]
fn containers_are_known_by_their_control_group() {
    let id = "a".repeat(64);
    assert_eq!(
        container_of(&format!("0::/system.slice/docker-{id}.scope\n")),
        Some(id)
    );
    assert_eq!(container_of("0::/user.slice\n"), None);
}
