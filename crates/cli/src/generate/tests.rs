use super::*;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn the_reference_has_a_section_for_each_visible_command() {
    let text = reference();
    for name in ["run", "ps", "flows", "daemon stop", "policy show", "config check"] {
        assert!(text.contains(&format!("\n## `cofferdam {name}`\n")), "{name}");
    }
    assert!(!text.contains("## `cofferdam generate`"));
    assert!(text.lines().all(|line| line == line.trim_end()));
}

#[test]
fn everything_lands_where_the_repository_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path()).unwrap();
    for file in [
        "dist/man/cofferdam.1",
        "dist/man/cofferdam-run.1",
        "dist/completions/cofferdam.bash",
        "dist/completions/_cofferdam",
        "dist/completions/cofferdam.fish",
        "docs/cli.md",
        "docs/metrics.md",
        "docs/openapi.json",
    ] {
        let length = fs::metadata(folder.path().join(file)).unwrap().len();
        assert!(length > 100, "{file}");
    }
}
