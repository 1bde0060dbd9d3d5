//! Which keys are over when: the map's part is in `tests/rotation.rs`.

use super::{KEY_DISTANCE, KEY_LIFE, Times, nanoseconds};

const SECOND: u64 = 1_000_000_000;

#[test]
fn a_key_outlives_what_it_signed_and_no_more() {
    let mut times = Times::from_start(3, 100 * SECOND);
    let life = nanoseconds(KEY_LIFE);
    assert!(times.over(100 * SECOND + life - 1).is_empty());
    let older: Vec<u32> = (0..16).filter(|epoch| *epoch != 3).collect();
    assert_eq!(times.over(100 * SECOND + life), older, "never the one that signs");
    times.rotate(3, 500 * SECOND);
    assert!(!times.over(500 * SECOND + life - 1).contains(&3));
    assert!(times.over(500 * SECOND + life).contains(&3));
    assert!(!times.over(u64::MAX / 2).contains(&4), "it signs");
}

#[test]
fn at_the_least_distance_room_ends_a_key_before_time_does() {
    let mut times = Times::from_start(0, 0);
    let step = nanoseconds(KEY_DISTANCE);
    for n in 1..=40_u64 {
        times.rotate(((n - 1) % 16) as u32, n * step);
    }
    assert!(times.over(40 * step).is_empty());
    let kept = times.ended.iter().flatten().count();
    assert_eq!(
        kept, 14,
        "the one that signs and the one to come are none of them"
    );
    let oldest = times.ended.iter().flatten().min().copied().unwrap_or_default();
    assert_eq!(40 * step - oldest, 13 * step);
}
