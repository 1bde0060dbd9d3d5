use super::*;

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

fn parsed(line: &str) -> Cli {
    parse(&words(line)).unwrap()
}

fn refused(line: &str) -> (String, String, u8) {
    let text = Cli::try_parse_from(words(line)).unwrap_err().to_string();
    let failure = usage_failure(&text, &words(line));
    assert_eq!(parse(&words(line)).unwrap_err(), failure);
    let (message, hint, code) = failure.parts();
    (message.to_owned(), hint.unwrap().to_owned(), code)
}

#[test]
fn global_options_stand_anywhere_before_a_command_to_run() {
    for line in [
        "cofferdam --json --socket /s ps",
        "cofferdam ps --socket /s --json",
    ] {
        let cli = parsed(line);
        assert!(cli.json, "{line}");
        assert_eq!(cli.socket, PathBuf::from("/s"), "{line}");
    }
    let cli = parsed("cofferdam run ls --json --socket /s");
    assert!(!cli.json);
}

#[test]
fn the_daemon_takes_flags_or_stop() {
    let Command::Daemon(args) = parsed("cofferdam daemon --hybrid --default strict --mode observe").command
    else {
        panic!("not the daemon");
    };
    let options = args.start.options(std::path::Path::new("/s"));
    assert_eq!(options.kinds, cofferdam_daemon::Kinds::Hybrid);
    assert_eq!(
        options.default_profile,
        Some(cofferdam_policy::DefaultProfile::Strict)
    );
    assert_eq!(options.mode, Some(cofferdam_policy::Mode::Observe));
    assert_eq!(options.socket, PathBuf::from("/s"));

    let line = "cofferdam daemon --processes --state /x --docker-cgroup-parent /a --docker-cgroup-parent /b";
    let Command::Daemon(args) = parsed(line).command else {
        panic!("not the daemon")
    };
    let options = args.start.options(std::path::Path::new("/s"));
    assert_eq!(options.kinds, cofferdam_daemon::Kinds::Processes);
    assert_eq!(options.state_dir, PathBuf::from("/x"));
    assert_eq!(
        options.docker_cgroup_parents,
        [PathBuf::from("/a"), PathBuf::from("/b")]
    );
    assert_eq!((options.default_profile, options.mode), (None, None));

    let Command::Daemon(args) = parsed("cofferdam daemon stop --open").command else {
        panic!("not the daemon")
    };
    assert!(matches!(
        args.command,
        Some(DaemonCommand::Stop { open: true, .. })
    ));
    refused("cofferdam daemon --containers --processes");
    refused("cofferdam daemon --hybrid stop");
}

#[test]
fn enforce_and_observe_want_names_or_all() {
    let Command::Enforce(args) = parsed("cofferdam enforce a b --for 5m").command else {
        panic!("not enforce")
    };
    assert_eq!(
        (args.names.len(), args.all, args.for_seconds),
        (2, false, Some(300))
    );
    for line in [
        "cofferdam enforce",
        "cofferdam observe",
        "cofferdam enforce a --all",
        "cofferdam enforce --all --for 0s",
    ] {
        let (_, _, code) = refused(line);
        assert_eq!(code, crate::ERROR, "{line}");
    }
}

#[test]
fn a_mistake_is_one_line_and_a_hint() {
    let (message, hint, code) = refused("cofferdam flows --port eighty");
    assert!(
        message.starts_with("invalid value 'eighty' for '--port <PORT>'"),
        "{message}"
    );
    assert_eq!(
        (hint.as_str(), code),
        ("`cofferdam flows --help` shows the usage", crate::ERROR)
    );

    let (message, hint, _) = refused("cofferdam flwos");
    assert!(
        !message.contains('\n') && !message.starts_with("error"),
        "{message}"
    );
    assert!(hint.contains("flows"), "{hint}");

    let (message, hint, code) = refused("cofferdam run --labels app=web ls");
    assert!(message.contains("--labels"), "{message}");
    assert!(hint.contains("--label"), "{hint}");
    assert_eq!(code, RUN_REFUSED);

    let (message, _, code) = refused("cofferdam run --label app=web");
    assert!(message.contains("<COMMAND>"), "{message}");
    assert_eq!(code, RUN_REFUSED);
}
