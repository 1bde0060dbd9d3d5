use super::{quoted, script, show};

#[test]
fn a_word_is_one_word_to_a_shell() {
    for word in ["", "a b", "it's", "$HOME `x` \"y\" \\"] {
        let printed = std::process::Command::new("sh")
            .args(["-c", &format!("printf %s {}", quoted(word))])
            .output();
        assert_eq!(printed.map(|out| out.stdout).ok(), Some(word.as_bytes().to_vec()));
    }
}

#[test]
fn the_command_is_told_from_the_console() {
    let log = std::env::temp_dir().join(format!("vm-run-{}", std::process::id()));
    let status = |console: &str| show(console.as_bytes(), &log).ok().flatten();
    assert_eq!(
        status("SeaBIOS\n\n@@ begin\r\nhello\r\n\n@@ status 3\r\nbye\n").as_deref(),
        Some("3")
    );
    assert_eq!(status("SeaBIOS\n@@ begin\nhello\nKernel panic\n"), None);
    let kept = std::fs::read_to_string(&log).unwrap_or_default();
    let _ = std::fs::remove_file(&log);
    assert!(kept.starts_with("SeaBIOS") && kept.ends_with("panic\n"), "{kept}");
}

#[test]
fn a_command_runs_in_our_folder() {
    let text = script(&["ls".to_owned(), "a b".to_owned()]).unwrap_or_default();
    assert!(text.contains("\n'ls' 'a b' </dev/null\n"), "{text}");
    assert!(text.starts_with("cd '"), "{text}");
}
