//! G-LEARN: an application of twelve services that nobody has labelled is observed, learnt and enforced, and works as before.
#![allow(clippy::expect_used, reason = "functions of a test")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use cofferdam_tests::binaries;
use cofferdam_tests::image::DEBIAN;
use cofferdam_tests::lab::network::HOST_V4;
use cofferdam_tests::lab::place::{Outcome, finish};
use cofferdam_tests::walkthrough::scene::eventually;

mod stage;

use stage::Stage;

/// The images that the compose file names.
const IMAGES: [&str; 9] = [
    "nginx:1.27",
    "redis:7",
    "postgres:16",
    "shop/web",
    "shop/api",
    "shop/catalog",
    "shop/search",
    "shop/orders",
    "shop/worker",
];

/// What nobody does: a service, and whom it calls.
const NEVER: [(&str, &str); 9] = [
    ("search", "host.docker.internal 7704"),
    ("worker-1", "host.docker.internal 7704"),
    ("worker-2", "orders 7707"),
    ("catalog", "queue 6379"),
    ("proxy", "search 7706"),
    ("orders", "host.docker.internal 7702"),
    ("mailer", "127.0.0.1 7703"),
    ("sessions", "127.0.0.1 7704"),
    ("web", "127.0.0.1 7708"),
];

struct Shop {
    stage: Stage,
    home: tempfile::TempDir,
}

// === impl Shop ===

impl Shop {
    fn new() -> Self {
        let stage = Stage::new();
        for image in IMAGES.into_iter().chain(["shop/mailer"]) {
            stage
                .lab
                .engine
                .docker(&["tag", DEBIAN.name, image])
                .expect("an image");
        }
        let home = tempfile::tempdir().expect("a folder");
        let shop = Self { stage, home };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("shop");
        shop.must(&format!(
            "cp -r {}/. . && docker compose up -d --quiet-pull",
            source.display()
        ));
        shop
    }

    /// A line of a user's shell in the folder of the application.
    fn shell(&self, line: &str) -> Outcome {
        let lab = &self.stage.lab;
        let mut command = lab
            .command("sh", &["-c".to_owned(), line.to_owned()])
            .expect("a shell");
        let folder: PathBuf = self.home.path().into();
        command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let start = Instant::now();
        let child = lab.host.spawn(&mut command).expect("a shell");
        finish(child, start, Duration::from_secs(120)).expect("an end")
    }

    fn must(&self, line: &str) -> String {
        let ended = self.shell(line);
        assert!(ended.success(), "{line}: {ended}");
        eprintln!("$ {line}\n{}{}", ended.stdout, ended.stderr);
        ended.stdout
    }

    /// A customer on the LAN gets both pages, and every service behind them has answered.
    fn serves(&self) -> bool {
        let page = |path: &str| {
            let url = format!("http://{HOST_V4}:18080{path}");
            self.stage
                .lab
                .lan
                .run("curl", &["-s", "-m", "5", &url])
                .expect("curl")
                .stdout
        };
        let (shop, orders) = (page("/"), page("/orders"));
        shop == "search answers\ncatalog answers\napi answers\nweb answers\n" && orders == "orders answers\n"
    }

    /// The workers did jobs meanwhile, and each went well.
    fn works_for(&self, seconds: u64) {
        std::thread::sleep(Duration::from_secs(seconds));
        for name in ["shop-worker-1-1", "shop-worker-2-1"] {
            let log = self
                .stage
                .lab
                .engine
                .docker(&["logs", "--since", &format!("{seconds}s"), name])
                .expect("logs");
            assert!(log.lines().count() > 2, "{name}: {log}");
            assert!(
                !log.contains("failed"),
                "{name}: {log}\n{}",
                self.must("cofferdam flows --denied")
            );
        }
    }

    fn is_well(&self, when: &str) {
        eventually(&format!("the shop {when}"), || Ok(self.serves())).expect("both pages");
        for _ in 0..10 {
            assert!(self.serves(), "{when}: {}", self.must("cofferdam flows --denied"));
        }
        self.works_for(3);
    }

    fn is_called(&self, from: &str, to: &str) -> bool {
        self.shell(&format!(
            "docker exec shop-{from}-1 busybox nc -w 3 {to} </dev/null"
        ))
        .success()
    }
}

/// Observe, learn, enforce.
#[test]
fn root_twelve_services_without_labels_are_learnt_and_enforced() {
    if binaries::compose().is_none() {
        eprintln!("skipped: no docker compose; `cargo xtask setup` fetches it");
        return;
    }
    let shop = Shop::new();
    shop.is_well("before all");
    for (from, to) in NEVER {
        assert!(shop.is_called(from, to), "{from} -> {to} before all");
    }
    shop.must("cofferdam learn --labels compose.yaml -o .");
    shop.must("docker compose -f compose.yaml -f shop.labels.yaml up -d 2>&1 | tail -1");
    shop.is_well("while it is observed");
    shop.must("cofferdam learn -o policies");
    let checked = shop.must("cofferdam policy check policies");
    assert!(checked.ends_with(" 0 mistakes, 0 warnings\n"), "{checked}");
    // `db` and `queue` came later than their first callers.
    let orders = shop.must("cat policies/shop.learned-orders.yaml");
    assert!(!orders.contains("host: {}"), "{orders}");
    shop.must("cofferdam policy apply policies");
    shop.must("cofferdam enforce --all");
    shop.is_well("under its policies");
    for (from, to) in NEVER {
        assert!(!shop.is_called(from, to), "{from} -> {to}");
    }
    assert!(
        !shop.shell("redis-cli -p 7703 ping").success(),
        "the host and the sessions"
    );
    shop.must("sed -i /cofferdam.mode/d shop.labels.yaml && docker compose -f compose.yaml -f shop.labels.yaml up -d 2>&1 | tail -1");
    shop.is_well("made anew");
    for (from, to) in NEVER {
        assert!(!shop.is_called(from, to), "{from} -> {to}, made anew");
    }
}
