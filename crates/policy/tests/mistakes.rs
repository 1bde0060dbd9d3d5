//! What people read when a policy is wrong: each file of `tests/mistakes` with the message beside it. Written anew with
//! `COFFERDAM_BLESS=1`.

use std::fs;
use std::path::PathBuf;

use cofferdam_policy::documents;

/// G-POLICY-ERRORS
#[test]
fn every_mistake_is_told_with_its_place_and_what_would_be_right() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes");
    let mut names: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.retain(|path| path.extension().is_none_or(|end| end != "txt"));
    names.sort();
    assert!(names.len() >= 25, "{} files", names.len());
    for path in names {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = fs::read(&path).unwrap();
        let found = documents::parse(&name, &bytes).expect_err(&name);
        for one in &found {
            assert!(
                one.line >= 1 && one.column >= 1 && !one.hint.is_empty(),
                "{name}: {one}"
            );
        }
        let text: Vec<String> = found.iter().map(|one| format!("{one}\n")).collect();
        let text = text.join("\n");
        let golden = path.with_extension(format!("{}.txt", path.extension().unwrap().to_string_lossy()));
        if std::env::var_os("COFFERDAM_BLESS").is_some() {
            fs::write(&golden, &text).unwrap();
        }
        assert_eq!(text, fs::read_to_string(&golden).unwrap_or_default(), "{name}");
    }
}
