//! The thread: killed while it writes, without a disk, with more than it can take.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use cofferdam_api::{FlowQuery, FlowView, Timestamp};

use super::*;
use crate::flows::tests::{add, allow, carried, way};
use crate::flows::{FlowStore, Limits};

const LIMITS: Limits = Limits {
    // The records of these tests are of another year.
    age: Duration::from_secs(1 << 30),
    size: 64 << 20,
};
/// Tells the test below that it is the process which is killed.
const VICTIM: &str = "COFFERDAM_TEST_FLOWS_FILE";

fn past(store: &mut FlowStore, query: &FlowQuery, limit: Option<usize>) -> Vec<FlowView> {
    let mut all = Vec::new();
    let past = store.past().unwrap();
    past.read(query, limit, |flows| {
        all.extend(flows);
        true
    })
    .unwrap();
    all
}

#[test]
fn memory_and_file_are_one_past() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flows.redb");
    let mut store = FlowStore::new(100);
    add(&mut store, 0, 1);
    store.keep_in(file.clone(), LIMITS).unwrap();
    for port in 2..=5000 {
        add(&mut store, i64::from(port), port);
        store.hand_over();
    }
    let query = FlowQuery::default();
    let ports =
        |flows: &[FlowView]| -> Vec<u16> { flows.iter().map(|flow| flow.destination.port()).collect() };
    let mut all = past(&mut store, &query, None);
    assert_eq!(all.len(), 4900, "what is in memory is not read from the file");
    all.extend(store.query(&query));
    assert_eq!(ports(&all), (1..=5000).collect::<Vec<_>>());
    for limit in [1, 255, 256, 257, 1000, 4900, 6000] {
        let last = past(&mut store, &query, Some(limit));
        assert_eq!(ports(&last), ports(&all[4900 - limit.min(4900)..4900]), "{limit}");
    }
    assert_eq!(past(&mut store, &query, Some(0)), []);
    let one = FlowQuery {
        port: Some(77),
        ..query.clone()
    };
    assert_eq!(ports(&past(&mut store, &one, Some(3))), [77]);
    assert_eq!((store.lost(), store.records().error), (0, None));
    drop(store);
    let mut store = FlowStore::new(100);
    store.keep_in(file, LIMITS).unwrap();
    assert_eq!(past(&mut store, &query, None), all, "a restart forgets nothing");
    assert_eq!(
        (store.records().kept, store.records().oldest),
        (5000, Some(all[0].time))
    );
}

#[test]
fn repeats_that_come_later_are_kept_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flows.redb");
    let mut store = FlowStore::new(100);
    store.keep_in(file.clone(), LIMITS).unwrap();
    for milliseconds in 0..10 {
        add(&mut store, milliseconds, 80);
        store.hand_over_now();
    }
    drop(store);
    let mut store = FlowStore::new(100);
    store.keep_in(file, LIMITS).unwrap();
    let flows = past(&mut store, &FlowQuery::default(), None);
    assert_eq!((flows.len(), flows[0].repeats), (1, 10));
    assert!(flows[0].start < Some(flows[0].time));
}

#[test]
fn a_connection_that_ends_late_completes_its_record_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = FlowStore::new(100);
    store.keep_in(folder.path().join("flows.redb"), LIMITS).unwrap();
    allow(&mut store, 7, 443);
    for port in 1..=1000 {
        add(&mut store, 0, port);
    }
    store.ended(&way(70, false, 443), &carried(1, 100));
    store.hand_over_now();
    store.ended(&way(70, false, 443), &carried(2, 50));
    add(&mut store, 0, 1001);
    let query = FlowQuery {
        allowed: true,
        ..FlowQuery::default()
    };
    // Nobody waits for it: it is there with one of the next batches.
    let (start, mut totals) = (Instant::now(), Totals::default());
    while totals.connections < 3 && start.elapsed() < Duration::from_secs(5) {
        let flows = past(&mut store, &query, None);
        assert_eq!(flows.len(), 1);
        totals = flows[0].totals.unwrap();
    }
    assert_eq!((totals.connections, totals.bytes_sent), (3, 150));
    assert_eq!(totals.duration_ms, 100);
    assert_eq!(store.lost(), 0);
}

#[test]
fn what_cannot_be_written_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flows.redb");
    std::fs::create_dir(&file).unwrap();
    let mut store = FlowStore::new(1000);
    store.keep_in(file.clone(), LIMITS).unwrap();
    for port in 1..=200 {
        add(&mut store, 0, port);
    }
    store.hand_over_now();
    let start = Instant::now();
    while store.lost() < 200 && start.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(store.lost(), 200);
    let error = store.records().error.unwrap();
    assert!(error.contains("flows.redb"), "{error}");
    assert_eq!(
        past(&mut store, &FlowQuery::default(), None),
        [],
        "and nobody waits for it"
    );
    assert_eq!(store.query(&FlowQuery::default()).len(), 200);
    // The next batch after a pause opens the file again.
    std::fs::remove_dir(&file).unwrap();
    std::thread::sleep(PAUSE);
    add(&mut store, 5000, 9);
    store.hand_over_now();
    while store.records().kept < 1 && start.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(
        (store.records().kept, store.records().error, store.lost()),
        (1, None, 200)
    );
}

#[test]
fn a_burst_is_kept_or_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flows.redb");
    let mut store = FlowStore::new(100);
    store.keep_in(file.clone(), LIMITS).unwrap();
    // More at once than the queue takes.
    for round in 0..4 {
        for port in 1..=10_000 {
            add(&mut store, round * 2000, port);
        }
        store.hand_over_now();
    }
    let start = Instant::now();
    past(&mut store, &FlowQuery::default(), Some(1));
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "nobody waits for what is lost"
    );
    let lost = store.lost();
    assert!(lost >= 10_000 - QUEUE as u64, "{lost}");
    drop(store);
    let mut store = FlowStore::new(100);
    store.keep_in(file, LIMITS).unwrap();
    let kept = past(&mut store, &FlowQuery::default(), None).len() as u64;
    assert_eq!(kept + lost, 40_000, "{kept} kept, {lost} lost");
}

/// Writes records until it is killed, and says when it has handed one over.
#[test]
#[ignore = "the process that the next test kills"]
fn victim() {
    let file = std::env::var_os(VICTIM).expect("started by the test below");
    let mut store = FlowStore::new(100);
    store.keep_in(file.into(), LIMITS).unwrap();
    let epoch = Timestamp::from_millisecond(1_700_000_000_000).unwrap();
    for number in 0.. {
        let now = Timestamp::now().duration_since(epoch).as_millis();
        add(
            &mut store,
            i64::try_from(now).unwrap(),
            u16::try_from(number % 60_000).unwrap(),
        );
        store.hand_over();
        println!("\n{VICTIM} {number} {}", Timestamp::now().as_millisecond());
        std::thread::sleep(Duration::from_micros(500));
    }
}

#[test]
fn a_kill_loses_a_second_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flows.redb");
    let mut before = 0;
    for round in 0..6_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "flows::keeper::tests::victim",
                "--ignored",
                "--nocapture",
            ])
            .env(VICTIM, &file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let time = Instant::now();
        let (mut said, mut first) = ((0_u64, 0_i64), None);
        for line in out.lines() {
            let line = line.unwrap();
            let Some(rest) = line.strip_prefix(VICTIM) else {
                continue;
            };
            let mut words = rest.split_whitespace();
            said = (
                words.next().unwrap().parse().unwrap(),
                words.next().unwrap().parse().unwrap(),
            );
            let first = first.get_or_insert(time.elapsed());
            if time.elapsed() - *first >= Duration::from_millis(700 + 173 * round) {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let mut store = FlowStore::new(100);
        store.keep_in(file.clone(), LIMITS).unwrap();
        let all = past(&mut store, &FlowQuery::default(), None);
        let new = &all[before..];
        let ports: Vec<_> = new
            .iter()
            .map(|flow| u64::from(flow.destination.port()))
            .collect();
        assert_eq!(
            ports,
            (0..new.len() as u64).collect::<Vec<_>>(),
            "no gap, nothing twice"
        );
        let lost = said.0 + 1 - ports.len() as u64;
        let last = new.last().map_or(0, |flow| flow.time.as_millisecond());
        println!(
            "round {round}: {} kept, {lost} lost, {} ms",
            ports.len(),
            said.1 - last
        );
        assert!(said.1 - last < 1000, "{} ms were lost", said.1 - last);
        before = all.len();
    }
}
