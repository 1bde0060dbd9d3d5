use std::fmt::Write as _;
use std::time::{Duration, Instant};

use cofferdam_api::{FlowCounts, Mode, Verdict};
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;

use super::*;
use crate::top::filter::Filter;
use crate::top::fixture::{answer, flow, started, time, workload};
use crate::top::model::{Lot, News};

const LOOK: Look = Look {
    colors: true,
    unicode: true,
};
const PLAIN: Look = Look {
    colors: false,
    unicode: false,
};

/// A shop that was looked at for eight seconds.
fn shop() -> Model {
    let began = Instant::now();
    let mut model = Model::new(Filter::default(), began);
    let counts = |flows, denials| FlowCounts { flows, denials };
    for second in 0..=8 {
        let mut proxy = workload("shop-proxy-1", counts(120 * second, 0));
        proxy.network_mode = "bridge".into();
        let mut queue = workload("shop-queue-1", counts(3 * second, 0));
        queue.mode = Some(Mode::Observe);
        let mut plain = workload("plain", counts(0, 0));
        (plain.protected, plain.mode) = (false, None);
        let web = workload("shop-web-1", counts(150 * second, 2 * second));
        let news = answer(counts(273 * second, 2 * second), vec![plain, proxy, queue, web]);
        model.take(news, began + Duration::from_secs(second), started(second));
    }
    let mut flows = Vec::new();
    for second in 0..8_u16 {
        let mut denied = flow("host", "shop-web-1", 8080, Verdict::Deny);
        denied.time = started(second.into());
        let mut allowed = flow("shop-proxy-1", "shop-web-1", 8080, Verdict::Allow);
        (allowed.time, allowed.repeats) = (started(second.into()), 120);
        allowed.rule.as_mut().unwrap().name = "shop/web/ingress[0]".into();
        flows.extend([denied, allowed]);
    }
    let mut observed = flow("shop-queue-1", "host", 1900, Verdict::Deny);
    (observed.mode, observed.protocol, observed.time) = (Mode::Observe, "udp".into(), time(5));
    flows.push(observed);
    let denials = flows.iter().filter(|flow| flow.verdict == Verdict::Deny).cloned();
    model.take(
        News::Records(Lot::Denials, 0, denials.collect()),
        began,
        started(8),
    );
    model.take(News::Records(Lot::Newest, 0, flows), began, started(8));
    model.tick(began + Duration::from_secs(8), started(8));
    model
}

fn press(model: &mut Model, keys: &str) {
    for c in keys.chars() {
        let code = match c {
            '\n' => KeyCode::Enter,
            '\t' => KeyCode::Tab,
            other => KeyCode::Char(other),
        };
        let now = started(8).to_zoned(TimeZone::UTC);
        model.key(KeyEvent::new(code, KeyModifiers::NONE), &now);
    }
}

fn drawn(model: &mut Model, look: Look, (width, height): (u16, u16)) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let now = started(8).to_zoned(TimeZone::UTC);
    terminal.draw(|frame| draw(frame, model, look, &now)).unwrap();
    terminal
}

fn frame(model: &mut Model, look: Look, size: (u16, u16)) -> String {
    let terminal = drawn(model, look, size);
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for y in 0..size.1 {
        let row: String = (0..size.0).map(|x| buffer[(x, y)].symbol()).collect();
        let _ = writeln!(text, "{}", row.trim_end());
    }
    text
}

#[test]
fn a_screen_of_usual_size_has_both_tables() {
    let text = frame(&mut shop(), LOOK, (80, 24));
    assert_eq!(text, include_str!("frames/usual.txt"), "\n{text}");
}

#[test]
fn a_wide_screen_cuts_nothing() {
    let text = frame(&mut shop(), LOOK, (140, 20));
    assert_eq!(text, include_str!("frames/wide.txt"), "\n{text}");
}

#[test]
fn columns_go_one_by_one_where_it_is_narrow() {
    let text = frame(&mut shop(), LOOK, (48, 16));
    assert_eq!(text, include_str!("frames/narrow.txt"), "\n{text}");
}

#[test]
fn a_terminal_without_colours_and_characters_gets_the_same_words() {
    let mut model = shop();
    let terminal = drawn(&mut model, PLAIN, (80, 24));
    let cells = terminal.backend().buffer().content();
    assert!(cells.iter().all(|cell| cell.symbol().is_ascii()));
    assert!(
        cells
            .iter()
            .all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset))
    );
    let text = frame(&mut model, PLAIN, (80, 24));
    assert!(
        text.contains("enforcing | 3 of 4") && text.contains("deny"),
        "{text}"
    );
}

#[test]
fn a_denial_in_full_says_why_where_and_what_would_allow_it() {
    let mut model = shop();
    press(&mut model, "d\t\n");
    let text = frame(&mut model, LOOK, (80, 24));
    assert_eq!(text, include_str!("frames/denial.txt"), "\n{text}");
}

#[test]
fn a_workload_in_full_ends_with_its_last_denial() {
    let mut model = shop();
    press(&mut model, "j\n");
    let text = frame(&mut model, LOOK, (80, 40));
    for words in [
        "app=shop-web-1",
        "namespace shop",
        "1200, 16 of them denied",
        "last denial",
        "cofferdam.ingress",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn a_daemon_that_is_gone_leaves_no_number_that_looks_alive() {
    let mut model = shop();
    let now = Instant::now() + Duration::from_secs(8);
    let news = News::Unreachable {
        message: "the daemon is not running (no answer on /run/x)".into(),
        hint: Some("start it".into()),
    };
    model.take(news, now, started(9));
    model.tick(now + Duration::from_secs(3), started(11));
    let text = frame(&mut model, LOOK, (110, 24));
    assert!(
        text.starts_with("daemon unreachable for 3 s: the daemon is not running"),
        "{text}"
    );
    assert!(
        text.contains("below: as of 10:00:08; enforcement stays"),
        "{text}"
    );
    assert!(!text.contains("flows/s"), "{text}");
    let web = text.lines().find(|line| line.starts_with("shop-web-1")).unwrap();
    assert_eq!(web.matches(" - ").count(), 3, "{web}");
}

#[test]
fn the_prompt_says_what_may_be_written_and_what_was_wrong() {
    let mut model = shop();
    press(&mut model, "/");
    assert!(frame(&mut model, LOOK, (80, 24)).contains("filter:   from WHO, to WHO"));
    press(&mut model, "port x\n");
    let text = frame(&mut model, LOOK, (80, 24));
    assert!(
        text.contains("filter: port x  invalid value 'x' for '--port"),
        "{text}"
    );
}

#[test]
fn what_somebody_wrote_into_a_name_moves_no_cursor() {
    let mut model = shop();
    let mut evil = flow("host", "shop-web-1", 1, Verdict::Deny);
    evil.comm = Some("\u{1b}[2J\u{7}wide字\u{200d}\u{202e}".into());
    evil.time = time(8);
    model.take(
        News::Records(Lot::Newest, 0, vec![evil]),
        Instant::now(),
        started(8),
    );
    model.tick(Instant::now(), started(8));
    for look in [LOOK, PLAIN] {
        for layer in ["", "\t\n"] {
            press(&mut model, layer);
            let text = frame(&mut model, look, (120, 24));
            assert!(text.contains("?[2J?wide"), "{text}");
            assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text}");
        }
        press(&mut model, "q\t");
    }
}

#[test]
fn no_size_is_too_small_and_none_too_large() {
    let mut model = shop();
    for keys in ["", "\t", "\n", "q?", "q/from", "\n"] {
        press(&mut model, keys);
        for width in (1..100).step_by(7).chain([300]) {
            for height in (1..30).step_by(3).chain([200]) {
                drawn(&mut model, LOOK, (width, height));
            }
        }
    }
}

/// The bench of a tick: a full store, a hundred workloads, a screen of usual size.
#[test]
fn a_frame_of_a_busy_host_is_drawn_in_a_moment() {
    let began = Instant::now();
    let mut model = Model::new(Filter::default(), began);
    let counts = FlowCounts { flows: 9, denials: 1 };
    let many = (0..500).map(|n| workload(&format!("w{n}"), counts)).collect();
    model.take(answer(counts, many), began, started(0));
    for lot in [Lot::Newest, Lot::Denials] {
        let flows = (0..2000_u16).map(|port| flow("host", "w7", port, Verdict::Deny));
        model.take(News::Records(lot, 0, flows.collect()), began, started(0));
    }
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let now = started(8).to_zoned(TimeZone::UTC);
    let start = Instant::now();
    for _ in 0..20 {
        model.tick(began, started(8));
        terminal
            .draw(|frame| draw(frame, &mut model, LOOK, &now))
            .unwrap();
    }
    let each = start.elapsed() / 20;
    println!("a tick and its frame: {each:?} (unoptimised unless built otherwise)");
    assert!(each < Duration::from_millis(100), "{each:?}");
}
