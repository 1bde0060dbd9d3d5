use cofferdam_api::{Class, Direction, FlowCounts, FlowEnd, Mode, RuleView};
use jiff::Zoned;
use jiff::tz::TimeZone;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::*;
use crate::top::fixture::{answer, flow, started, time, workload};

/// A model at second `0` of a clock that only tests have.
struct Play {
    model: Model,
    began: Instant,
}

impl Play {
    fn new() -> Self {
        let began = Instant::now();
        Self {
            model: Model::new(Filter::default(), began),
            began,
        }
    }

    fn take(&mut self, second: u64, news: News) {
        let now = self.began + Duration::from_secs(second);
        self.model.take(news, now, started(second));
        self.model.tick(now, started(second));
    }

    fn keys(&mut self, keys: &str) -> bool {
        keys.chars().any(|c| {
            let code = match c {
                '\n' => KeyCode::Enter,
                '\t' => KeyCode::Tab,
                '\u{1b}' => KeyCode::Esc,
                '↓' => KeyCode::Down,
                other => KeyCode::Char(other),
            };
            self.press(code)
        })
    }

    fn press(&mut self, code: KeyCode) -> bool {
        let now: Zoned = started(0).to_zoned(TimeZone::UTC);
        self.model.key(KeyEvent::new(code, KeyModifiers::NONE), &now)
    }

    fn ports(&self) -> Vec<u16> {
        self.model
            .flows()
            .iter()
            .map(|flow| flow.destination.port())
            .collect()
    }
}

fn counts(flows: u64, denials: u64) -> FlowCounts {
    FlowCounts { flows, denials }
}

#[test]
fn rates_come_from_counts_and_a_new_daemon_counts_anew() {
    let mut play = Play::new();
    for second in 0..=120 {
        let counted = counts(second * 100, second);
        play.take(second, answer(counted, vec![workload("web", counted)]));
    }
    let row = &play.model.shown.rows[0];
    assert!((row.per_second - 100.0).abs() < 0.1, "{}", row.per_second);
    assert_eq!((row.minute, row.counts.denials), (60, 120));
    assert_eq!(play.model.shown.all.minute, 60);
    assert!((play.model.shown.denials_per_second - 1.0).abs() < 0.01);
    play.take(121, answer(counts(3, 0), vec![workload("web", counts(3, 0))]));
    let row = &play.model.shown.rows[0];
    assert_eq!((row.minute, row.counts.denials, row.per_second), (0, 0, 0.0));
}

#[test]
fn the_first_minute_knows_the_denials_before_it() {
    let mut play = Play::new();
    let before = |second: i64, port| {
        let mut flow = flow("host", "web", port, Verdict::Deny);
        flow.time = time(second);
        flow.repeats = 4;
        flow
    };
    let past = vec![before(-90, 1), before(-50, 2), before(-1, 3)];
    play.take(0, News::Records(Lot::Denials, 0, past));
    play.take(0, answer(counts(9, 12), vec![workload("web", counts(9, 12))]));
    assert_eq!(play.model.shown.rows[0].minute, 8);
    assert_eq!(play.model.shown.all.minute, 8);
    play.take(20, answer(counts(9, 13), vec![workload("web", counts(9, 13))]));
    assert_eq!(
        play.model.shown.rows[0].minute,
        4 + 1,
        "one is older than a minute by now"
    );
}

#[test]
fn an_old_answer_is_not_told_as_the_present() {
    let mut play = Play::new();
    assert_eq!(play.model.link(), Link::Asking);
    play.take(0, answer(counts(0, 0), vec![]));
    assert_eq!(play.model.link(), Link::Live);
    let tick = |play: &mut Play, second| {
        let now = play.began + Duration::from_secs(second);
        play.model.tick(now, started(second));
    };
    tick(&mut play, 9);
    assert_eq!(play.model.link(), Link::Late(Duration::from_secs(9)));
    let gone = || News::Unreachable {
        message: "gone".into(),
        hint: None,
    };
    play.take(10, gone());
    play.take(13, gone());
    assert!(matches!(play.model.link(), Link::Lost { since, .. } if since == Duration::from_secs(3)));
    play.take(14, answer(counts(0, 0), vec![]));
    assert_eq!(play.model.link(), Link::Live);
}

#[test]
fn memory_is_bounded_and_a_flood_washes_no_denial_away() {
    let mut play = Play::new();
    play.take(
        0,
        answer(
            counts(0, 0),
            vec![workload("web", counts(0, 0)), workload("db", counts(0, 0))],
        ),
    );
    play.take(
        0,
        News::Records(Lot::Denials, 0, vec![flow("host", "db", 1, Verdict::Deny)]),
    );
    for round in 0..100_i64 {
        let many = (0..400_i64).map(|at| {
            let mut flow = flow("web", "web", 80, Verdict::Allow);
            flow.time = time(10 + round * 400 + at);
            flow
        });
        play.model.take(
            News::Records(Lot::Newest, 0, many.collect()),
            play.began,
            started(1),
        );
    }
    play.take(1, News::Missed);
    assert_eq!(play.model.shown.flows.len(), 2001);
    assert!(play.model.missed());
    play.keys("d");
    assert_eq!(play.ports(), [1]);
    let db = play.model.shown.rows.iter().find(|row| row.name == "db");
    assert!(db.is_some_and(|row| row.last.is_some()));
}

#[test]
fn a_record_that_has_grown_takes_the_place_of_the_one_before() {
    let mut play = Play::new();
    let first = flow("host", "web", 80, Verdict::Deny);
    let grown = FlowView {
        start: Some(first.time),
        time: time(1),
        repeats: 7,
        ..first.clone()
    };
    play.take(0, News::Records(Lot::Newest, 0, vec![first.clone()]));
    play.take(0, News::Records(Lot::Denials, 0, vec![grown]));
    play.take(0, News::Records(Lot::Fetched, 0, vec![first]));
    assert_eq!(play.model.shown.flows.len(), 1);
    assert_eq!(play.model.shown.flows[0].repeats, 7);
}

#[test]
fn what_an_older_question_asked_for_is_no_answer() {
    let mut play = Play::new();
    play.take(0, answer(counts(0, 0), vec![workload("web", counts(0, 0))]));
    play.keys("/to web\n");
    assert_eq!(play.model.wanted().query.to.as_deref(), Some("web"));
    assert_eq!(play.model.wanted().query_number, 1);
    play.take(
        1,
        News::Records(Lot::Newest, 0, vec![flow("host", "web", 80, Verdict::Allow)]),
    );
    assert_eq!(play.ports(), [0; 0]);
    play.take(
        1,
        News::Records(Lot::Newest, 1, vec![flow("host", "web", 81, Verdict::Allow)]),
    );
    assert_eq!(play.ports(), [81]);
    play.keys("↓");
    assert_eq!(play.model.wanted().workload.as_deref(), Some("web"));
    assert_eq!(play.model.wanted().workload_number, 1);
}

#[test]
fn the_cursor_stays_on_its_flow_and_on_the_newest_if_it_was_there() {
    let mut play = Play::new();
    let at = |port: u16| {
        let mut flow = flow("host", "web", port, Verdict::Allow);
        flow.time = time(i64::from(port));
        flow
    };
    play.take(0, News::Records(Lot::Newest, 0, vec![at(1), at(2)]));
    play.keys("\t");
    let cursor = |play: &Play| {
        let flows = play.model.flows();
        flows[play.model.flow_at(&flows)].destination.port()
    };
    assert_eq!(cursor(&play), 2);
    play.take(0, News::Records(Lot::Newest, 0, vec![at(3)]));
    assert_eq!(cursor(&play), 3, "the newest");
    play.keys("jj");
    assert_eq!(cursor(&play), 1);
    play.take(0, News::Records(Lot::Newest, 0, vec![at(4)]));
    assert_eq!(cursor(&play), 1);
    play.keys("\n");
    assert!(matches!(&play.model.layer, Layer::Flow(flow) if flow.destination.port() == 1));
    play.keys("\u{1b}\u{1b}");
    assert_eq!(cursor(&play), 4);
}

#[test]
fn paused_tables_stand_still_and_the_model_goes_on() {
    let mut play = Play::new();
    play.take(0, answer(counts(1, 0), vec![workload("web", counts(1, 0))]));
    play.keys("p");
    play.take(
        5,
        News::Records(Lot::Newest, 0, vec![flow("host", "web", 80, Verdict::Allow)]),
    );
    play.take(5, answer(counts(9, 9), vec![]));
    assert_eq!(
        (play.model.shown.rows.len(), play.model.shown.flows.len()),
        (1, 0)
    );
    play.keys("p");
    play.take(6, News::Missed);
    assert_eq!(
        (play.model.shown.rows.len(), play.model.shown.flows.len()),
        (0, 1)
    );
}

#[test]
fn rows_are_sorted_and_the_cursor_follows_its_workload() {
    let mut play = Play::new();
    let three = |denials: u64, flows: u64| {
        vec![
            workload("a", counts(0, 0)),
            workload("b", counts(denials, denials)),
            workload("c", counts(flows, 0)),
        ]
    };
    play.take(0, answer(counts(0, 0), three(0, 0)));
    play.take(4, answer(counts(0, 0), three(3, 80)));
    let names = |play: &Play| -> String {
        play.model
            .shown
            .rows
            .iter()
            .map(|row| row.name.as_str())
            .collect()
    };
    assert_eq!(names(&play), "bca");
    play.keys("↓");
    assert_eq!(play.model.selected().map(|row| row.name.as_str()), Some("b"));
    play.keys("s");
    assert_eq!(names(&play), "cba");
    assert_eq!(play.model.workload_at(), 2);
    play.keys("s");
    assert_eq!(names(&play), "abc");
    play.take(5, answer(counts(0, 0), vec![workload("a", counts(0, 0))]));
    assert_eq!(play.model.workload_at(), 0, "it is gone");
}

#[test]
fn a_wrong_filter_stays_to_be_mended() {
    let mut play = Play::new();
    play.keys("/web\n");
    let Layer::Prompt { text, error } = &play.model.layer else {
        panic!("no prompt")
    };
    assert_eq!(text, "web");
    assert!(
        error.as_deref().is_some_and(|error| error.contains("from web")),
        "{error:?}"
    );
    for _ in 0..3 {
        play.press(KeyCode::Backspace);
    }
    assert!(!play.keys("q\u{1b}"), "a letter in a prompt is a letter");
    assert_eq!(play.model.layer, Layer::None);
    assert!(play.model.filter.is_empty());
    play.keys("/denied port 443\n");
    assert_eq!(play.model.filter.text, "denied port 443");
    play.keys("\u{1b}");
    assert!(play.model.filter.is_empty(), "Esc leads back");
    assert!(play.keys("q"));
}

#[test]
fn any_key_in_any_state_is_harmless() {
    let mut random = 7_u32;
    let mut play = Play::new();
    let keys = "jkgGds/p?\n\t\u{1b}↓webfrom 1";
    let keys: Vec<char> = keys.chars().collect();
    for second in 0..20_000_u64 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let at = usize::try_from(random >> 16).unwrap();
        play.keys(&keys[at % keys.len()].to_string());
        let names: Vec<_> = (0..at % 4)
            .map(|n| workload(&n.to_string(), counts(second, 0)))
            .collect();
        match at % 50 {
            0 => play.take(second, answer(counts(second, 0), names)),
            1 => play.take(
                second,
                News::Records(Lot::Newest, 0, vec![flow("1", "2", 80, Verdict::Deny)]),
            ),
            _ => {}
        }
    }
}

#[test]
fn a_record_of_one_workload_with_itself_is_counted_once() {
    let end = |name: &str| FlowEnd {
        name: Some(name.into()),
        ..FlowEnd::class(Class::Workload)
    };
    let flow = FlowView {
        from: end("web"),
        to: end("web"),
        direction: Some(Direction::Ingress),
        mode: Mode::Observe,
        rule: Some(RuleView {
            name: "x".into(),
            source: "y".into(),
        }),
        ..flow("web", "web", 1, Verdict::Deny)
    };
    let mut records = Records::default();
    records.take(Lot::Denials, flow);
    assert_eq!(records.denied_within(time(-9), time(9))["web"], 1);
}
