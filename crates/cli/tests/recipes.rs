//! G-RECIPES without a host: the test files of `examples/recipes` pass, and nothing in the policies is wrong.

use std::path::Path;
use std::process::{Command, Output};

fn cofferdam(args: &[&str]) -> Output {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/recipes");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
    command.args(args).current_dir(folder).output().unwrap()
}

#[test]
fn the_test_file_of_every_recipe_passes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/recipes");
    let mut tried = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == "README.md" {
            continue;
        }
        let output = cofferdam(&["policy", "test", &format!("{name}/test.yaml")]);
        assert!(output.status.success(), "{name}: {output:?}");
        tried += 1;
    }
    assert_eq!(tried, 14);
}
