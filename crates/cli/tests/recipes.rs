//! G-RECIPES without a host: the test file of each recipe in `examples/recipes` passes.

use std::path::Path;
use std::process::Command;

#[test]
fn the_test_file_of_every_recipe_passes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/recipes");
    let recipes = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = recipes
        .map(|entry| entry.unwrap().path().join("test.yaml"))
        .collect();
    files.retain(|file| file.exists());
    assert_eq!(files.len(), 14);
    for file in files {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
        let output = command.args(["policy", "test"]).arg(&file).output().unwrap();
        assert!(output.status.success(), "{}: {output:?}", file.display());
    }
}
