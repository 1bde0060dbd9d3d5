//! The configuration: the example is good, errors are located, nonsense is named.

use std::path::Path;

use std::time::Duration;

use cofferdam_policy::containment::Level;

use super::{Config, ConfigError, Established, OnDead, parse};

fn fails(text: &str) -> (String, String) {
    let error = parse(Path::new("config.toml"), text).expect_err("must fail");
    (error.to_string(), error.hint().unwrap_or_default())
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(
        parse(Path::new("config.toml"), "").expect("empty"),
        Config::default()
    );
}

#[test]
fn an_unknown_key_is_located() {
    let (line, _) = fails("mode = \"enforce\"\n\n  colour = 1\n");
    assert!(
        line.starts_with("config.toml:3:3: unknown field `colour`"),
        "{line}"
    );
}

#[test]
fn a_wrong_value_is_located() {
    let (line, _) = fails("[flows]\nkeep = \"many\"\n");
    assert!(line.starts_with("config.toml:2:8: invalid type"), "{line}");
    let (line, hint) = fails("[flows]\nkeep = 3\n");
    assert_eq!(
        (line.as_str(), hint.as_str()),
        (
            "config.toml: flows.keep = 3 is out of range",
            "write 100 to 1000000"
        )
    );
}

#[test]
fn records_have_an_age_and_their_file_a_size() {
    let flows = |text: &str| {
        parse(Path::new("config.toml"), &format!("[flows]\n{text}\n"))
            .expect("good")
            .flows
    };
    assert_eq!(flows("").max_age, Duration::from_secs(7 * 86_400));
    assert_eq!(flows("max-age = \"36h\"").max_age, Duration::from_secs(36 * 3600));
    assert_eq!(flows("").max_size, 256 << 20);
    assert_eq!(flows("max-size = \"2 GiB\"").max_size, 2 << 30);
    for wrong in ["\"30s\"", "\"for ever\"", "\"3651d\""] {
        let (line, _) = fails(&format!("[flows]\nmax-age = {wrong}\n"));
        assert!(
            line.starts_with("config.toml:2:11: ") && line.contains("write \"7d\""),
            "{line}"
        );
    }
    for wrong in [
        "\"1KiB\"",
        "\"10MB\"",
        "\"65GiB\"",
        "\"99999999999999GiB\"",
        "\"-1MiB\"",
    ] {
        let (line, _) = fails(&format!("[flows]\nmax-size = {wrong}\n"));
        assert!(
            line.starts_with("config.toml:2:12: ") && line.contains("write \"256MiB\""),
            "{line}"
        );
    }
}

#[test]
fn established_flows_are_ended_or_kept() {
    let established = |text: &str| {
        let config = parse(Path::new("config.toml"), text).expect("good");
        config.policy.established
    };
    assert_eq!(established(""), Established::End);
    assert_eq!(
        established("[policy]\nestablished = \"keep\"\n"),
        Established::Keep
    );
    let (line, _) = fails("[policy]\nestablished = \"perhaps\"\n");
    assert!(
        line.starts_with("config.toml:2:15: unknown variant `perhaps`, expected `end` or `keep`"),
        "{line}"
    );
}

#[test]
fn keys_are_rotated_now_and_then_or_never() {
    let every = |text: &str| {
        let text = format!("[keys]\nrotate-every = \"{text}\"\n");
        parse(Path::new("config.toml"), &text)
            .expect("good")
            .keys
            .rotate_every
    };
    assert_eq!(
        Config::default().keys.rotate_every,
        Some(Duration::from_secs(86_400))
    );
    assert_eq!(every("never"), None);
    assert_eq!(every("1m"), Some(Duration::from_secs(60)));
    assert_eq!(every("1d 12h"), Some(Duration::from_secs(36 * 3600)));
    for wrong in ["30s", "2y", "soon", "-1h", "", "366d"] {
        let (line, _) = fails(&format!("[keys]\nrotate-every = \"{wrong}\"\n"));
        let expected = format!("config.toml:2:16: `{wrong}` is no time between two keys; write \"24h\"");
        assert!(line.starts_with(&expected), "{line}");
    }
    let (line, _) = fails("[keys]\nrotate-every = 24\n");
    assert!(line.starts_with("config.toml:2:16: invalid type"), "{line}");
}

#[test]
fn allow_needs_one_of_group_and_user_and_labels() {
    let (line, _) = fails("[[allow]]\nlabels = [\"app=x\"]\n");
    assert_eq!(line, "config.toml: [[allow]] number 1 needs a group or a user");
    let (line, hint) = fails("[[allow]]\ngroup = \"dev\"\nlabels = [\"app\"]\n");
    assert_eq!(line, "config.toml: [[allow]] number 1: `app` is no label");
    assert_eq!(hint, "write key=value, or key=* for any value");
}

#[test]
fn a_full_file_parses() {
    let text = "default = \"strict\"\nmode = \"observe\"\nidentity-keys = [\"team\"]\non-dead = \"closed\"\n\
        [docker]\nsocket = \"/run/docker.sock\"\ncgroup-parents = [\"docker\"]\n[socket]\ngroup = \"ops\"\n\
        [flows]\nkeep = 500\n[[allow]]\nuser = \"ann\"\nlabels = [\"app=*\"]\n\
        [[unit]]\nunit = \"nginx.service\"\nlabels = { app = \"nginx\" }\n[[protect]]\nname = \"db\"\n";
    let config = parse(Path::new("config.toml"), text).expect("good");
    assert_eq!(config.on_dead, OnDead::Closed);
    assert_eq!(config.unit[0].name(), "nginx.service");
    assert_eq!(config.allow[0].namespaces, ["default"]);
}

#[test]
fn a_unit_declares_with_keys_what_labels_declare() {
    let text = "contain = \"strict\"\n[[unit]]\nunit = \"nginx.service\"\nlabels = { app = \"nginx\" }\n\
        contain = \"default\"\nloopback = \"web\"\nbind = [\"80=8080\", \"443\"]\ninterfaces = []\n\
        allow = [\"netlink:route\"]\n";
    let config = parse(Path::new("config.toml"), text).expect("good");
    assert_eq!(config.contain, Level::Strict);
    let labels: Vec<_> = config.unit[0].all_labels().into_iter().collect();
    let expected = [
        ("app", "nginx"),
        ("cofferdam.allow", "netlink:route"),
        ("cofferdam.bind", "80=8080, 443"),
        ("cofferdam.contain", "default"),
        ("cofferdam.interfaces", ""),
        ("cofferdam.loopback", "web"),
    ];
    assert_eq!(
        labels,
        expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
    let unit = "[[unit]]\nunit = \"a.service\"\nlabels = { app = \"a\", \"cofferdam.bind\" = \"80\" }\n";
    let (line, hint) = fails(&format!("{unit}allow = [\"raw\", \"pakcet\"]\n"));
    assert_eq!(
        line,
        "config.toml: [[unit]] number 1: cofferdam.allow=\"raw, pakcet\": column 6: \"pakcet\" is nothing that can be allowed"
    );
    assert!(hint.starts_with("write packet, raw,"), "{hint}");
    let (line, hint) = fails(&format!("{unit}bind = [\"443\"]\n"));
    assert!(
        line.ends_with("cofferdam.bind is among its labels, and has a key of its own"),
        "{line}"
    );
    assert_eq!(hint, "write one of the two");
    let (line, _) = fails("contain = \"Strict\"\n");
    assert!(
        line.starts_with("config.toml:1:11: unknown variant `Strict`"),
        "{line}"
    );
}

#[test]
fn a_missing_file_is_an_error_for_check() {
    assert!(matches!(
        super::check(Path::new("/nonexistent/config.toml")),
        Err(ConfigError::Read { .. })
    ));
}

#[test]
fn the_example_is_good() {
    let text = include_str!("../../../../dist/config.toml");
    assert_eq!(
        parse(Path::new("dist/config.toml"), text).expect("good"),
        Config::default(),
        "all commented out"
    );
    let uncommented: String = text
        .lines()
        .map(|line| line.strip_prefix("#: ").unwrap_or(line))
        .filter(|line| !line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect();
    parse(Path::new("dist/config.toml"), &uncommented).expect("good with everything switched on");
}

#[test]
fn exports_and_webhooks_are_checked() {
    for (text, what, hint) in [
        (
            "[export.otlp]\nendpoint = \"127.0.0.1:4318\"\n",
            "config.toml: export.otlp.endpoint is no http:// or https:// address",
            "write \"http://127.0.0.1:4318\"",
        ),
        (
            "[[webhook]]\nurl = \"ftp://S3CRET\"\n",
            "config.toml: [[webhook]] number 1: url is no http:// or https:// address",
            "write \"https://example.org/hook\"",
        ),
        (
            "[export.otlp]\nendpoint = \"https://a\"\nheaders = { \"a b\" = \"c\" }\n",
            "config.toml: export.otlp.headers: `a b` is no header",
            "write { Authorization = \"Bearer TOKEN\" }",
        ),
        (
            "[export.json]\npath = \"/a\"\nsocket = \"/b\"\n",
            "config.toml: [export.json] needs one of path, socket and tcp",
            "write path = \"/var/log/cofferdam/flows.jsonl\"",
        ),
        (
            "[export.json]\ntcp = \"collector\"\n",
            "config.toml: export.json.tcp = \"collector\" is no host and port",
            "write \"127.0.0.1:5170\"",
        ),
        (
            "[export.json]\npath = \"flows.jsonl\"\n",
            "config.toml: export.json: flows.jsonl is no absolute path",
            "write path = \"/var/log/cofferdam/flows.jsonl\"",
        ),
        (
            "[metrics]\npairs = 10001\n",
            "config.toml: metrics.pairs = 10001 is out of range",
            "write 0 to 10000",
        ),
    ] {
        assert_eq!(fails(text), (what.to_owned(), hint.to_owned()));
    }
    let (line, _) = fails("[[webhook]]\nurl = \"http://a\"\nevents = [\"all\"]\n");
    assert!(
        line.starts_with("config.toml:3:11: unknown variant `all`, expected one of `first-denial`"),
        "{line}"
    );
    let (line, _) = fails("[export.syslog]\n");
    assert!(
        line.starts_with("config.toml:1:9: unknown field `syslog`, expected one of"),
        "{line}"
    );
    let (line, _) = fails("[metrics]\nlisten = \"9417\"\n");
    assert!(
        line.starts_with("config.toml:2:10: invalid socket address"),
        "{line}"
    );
}
