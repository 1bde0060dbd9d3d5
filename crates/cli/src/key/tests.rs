use cofferdam_api::Timestamp;

use super::*;

fn key(every: Option<u64>, age: u64) -> Key {
    Key {
        epoch: 3,
        since: Timestamp::UNIX_EPOCH,
        age_seconds: age,
        rotate_every_seconds: every,
        next_at: None,
    }
}

#[test]
fn a_key_is_one_line() {
    for (every, age, expected) in [
        (
            Some(86_400),
            14_700,
            "epoch 3, 4h 5m old; the next one comes in 19h 55m",
        ),
        (Some(60), 61, "epoch 3, 1m 1s old; the next one is due"),
        (
            None,
            0,
            "epoch 3, 0s old; the next one comes with `cofferdam key rotate` only",
        ),
    ] {
        assert_eq!(line(&key(every, age)), expected);
    }
    assert!(rotated(&key(None, 0).into()).starts_with("rotated: epoch 3 signs"));
}
