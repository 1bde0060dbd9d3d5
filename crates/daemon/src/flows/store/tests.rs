//! The file: reopened, bounded, put aside where it is broken.

use cofferdam_api::{Class, FlowEnd, FlowView, Mode, Verdict};

use super::*;

const LIMITS: Limits = Limits {
    age: Duration::from_secs(3600),
    size: 64 << 20,
};

fn flow(number: u64, ago: i64) -> (u64, Change) {
    let flow = FlowView {
        time: Timestamp::from_second(Timestamp::now().as_second() - ago).unwrap(),
        start: None,
        verdict: Verdict::Deny,
        reason: "rule".into(),
        rule: None,
        hook: "connect4".into(),
        mode: Mode::Enforce,
        from: FlowEnd::class(Class::Host),
        to: FlowEnd::class(Class::Lan),
        direction: None,
        protocol: "tcp".into(),
        source: None,
        destination: ([10, 0, 0, 1], u16::try_from(number % 60_000).unwrap()).into(),
        inner_port: None,
        dns: None,
        object: None,
        pid: None,
        comm: None,
        repeats: 1,
        // Nobody's words are equal: the worst that there is.
        allow_with: Some(format!(
            "label on app=x: cofferdam.egress=lan:{number}{}",
            "0".repeat(40)
        )),
        totals: None,
    };
    (number, Change::Record(Box::new(flow)))
}

fn flows(range: std::ops::Range<u64>) -> Vec<(u64, Change)> {
    range.map(|number| flow(number, 0)).collect()
}

fn all(store: &Store) -> Vec<(Place, u64)> {
    let (database, mut from, mut found) = (store.database(), (0, 0), Vec::new());
    while let Some((place, bytes)) = next(&database, from, (u64::MAX, 0)).unwrap() {
        let records = block::decode(&bytes, place.1, &FlowQuery::default()).unwrap();
        found.extend(
            records
                .iter()
                .map(|(number, flow)| ((place.0, *number), flow.repeats)),
        );
        from = (place.0, place.1 + 1);
    }
    found
}

#[test]
fn records_survive_the_process_and_later_runs_come_after_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flows.redb");
    let (mut store, aside) = Store::open(&path, None).unwrap();
    assert_eq!((aside, store.run()), (None, 1));
    store.write(flows(0..300), LIMITS).unwrap();
    store.write(flows(300..700), LIMITS).unwrap();
    drop(store);
    let (mut store, _) = Store::open(&path, None).unwrap();
    assert_eq!((store.run(), store.held().count), (2, 700));
    store.write(flows(0..5), LIMITS).unwrap();
    let wanted: Vec<_> = (0..700)
        .map(|number| (1, number))
        .chain((0..5).map(|number| (2, number)))
        .collect();
    assert_eq!(
        all(&store).iter().map(|(place, _)| *place).collect::<Vec<_>>(),
        wanted
    );
    drop(store);
    let (mut store, _) = Store::open(&path, Some(2)).unwrap();
    store.write(flows(5..10), LIMITS).unwrap();
    assert_eq!(
        (store.held().count, all(&store).len()),
        (710, 710),
        "the run goes on"
    );
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_record_is_replaced_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(&folder.path().join("flows.redb"), None).unwrap();
    // 500 and 501 were lost.
    store
        .write([flows(0..500), flows(502..1000)].concat(), LIMITS)
        .unwrap();
    let again = |numbers: &[u64]| -> Vec<(u64, Change)> {
        let mut records: Vec<_> = numbers.iter().map(|number| flow(*number, 0)).collect();
        for (_, change) in &mut records {
            let Change::Record(flow) = change else { continue };
            flow.repeats = 9;
        }
        records
    };
    store
        .write(again(&[3, 4, 255, 256, 700, 999, 1000]), LIMITS)
        .unwrap();
    let found = all(&store);
    let repeated: Vec<_> = found
        .iter()
        .filter(|(_, repeats)| *repeats == 9)
        .map(|(place, _)| place.1)
        .collect();
    assert_eq!(repeated, [3, 4, 255, 256, 700, 999, 1000]);
    assert_eq!((found.len(), store.held().count), (999, 999));
    assert!(found.is_sorted());
    store.write(again(&[1, 500, 1001]), LIMITS).unwrap();
    assert!(all(&store).is_sorted());
}

#[test]
fn old_records_go() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(&folder.path().join("flows.redb"), None).unwrap();
    let old = (0..1000).map(|number| flow(number, 7200)).collect();
    store
        .write(
            old,
            Limits {
                age: Duration::from_secs(10_000),
                ..LIMITS
            },
        )
        .unwrap();
    assert_eq!(store.held().count, 1000);
    store.write(flows(1000..1001), LIMITS).unwrap();
    // The last old block is the one that the new record is in.
    assert!(store.held().count < 300, "{:?}", store.held());
    store
        .write(
            Vec::new(),
            Limits {
                age: Duration::ZERO,
                ..LIMITS
            },
        )
        .unwrap();
    assert_eq!((store.held().count, all(&store).len()), (0, 0));
    assert_eq!(
        store.held(),
        Held::default(),
        "nothing is counted that is not there"
    );
    store.write(flows(1001..1002), LIMITS).unwrap();
    assert_eq!(all(&store).len(), 1, "what went does not come back");
}

#[test]
fn the_file_does_not_outgrow_its_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flows.redb");
    let (mut store, _) = Store::open(&path, None).unwrap();
    let limits = Limits {
        size: 4 << 20,
        ..LIMITS
    };
    let mut longest = 0;
    for batch in 0..100_u64 {
        // Bursts and single records.
        let many = if batch.is_multiple_of(3) { 1 } else { 2000 };
        store
            .write(flows(batch * 2000..batch * 2000 + many), limits)
            .unwrap();
        longest = longest.max(fs::metadata(&path).unwrap().len());
    }
    let held = store.held().count;
    println!("{longest} bytes at most, {held} records at the end");
    assert!(longest <= limits.size, "{longest}");
    assert!(held > 8000, "{held}");
    assert_eq!(all(&store).len() as u64, held);
    assert_eq!(
        all(&store).last().map(|(place, _)| place.1),
        Some(198_000),
        "the newest are there"
    );
}

#[test]
fn a_broken_file_is_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flows.redb");
    fs::write(
        &path,
        "no records at all, but longer than a header of them".repeat(200),
    )
    .unwrap();
    let (mut store, aside) = Store::open(&path, None).unwrap();
    assert!(aside.unwrap().contains("flows.broken"));
    store.write(flows(0..2000), LIMITS).unwrap();
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle..middle + 50_000].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let (store, aside) = Store::open(&path, None).unwrap();
    assert!(aside.is_some());
    assert_eq!(all(&store).len(), 0);
}

#[test]
fn what_cannot_be_opened_says_which_file() {
    let folder = tempfile::tempdir().unwrap();
    let Err(error) = Store::open(folder.path(), None) else {
        panic!("a folder is no file");
    };
    assert!(
        error.to_string().contains(&folder.path().display().to_string()),
        "{error}"
    );
}
