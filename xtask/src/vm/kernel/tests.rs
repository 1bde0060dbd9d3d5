use super::numbers;

#[test]
fn the_newest_is_found_by_number() {
    let names = [
        "linux-image-6.1.0-9-amd64",
        "linux-image-6.1.0-56-amd64",
        "linux-image-6.1.0-10-amd64",
    ];
    let newest = names.into_iter().max_by_key(|n| numbers(n));
    assert_eq!(newest, Some(names[1]));
}
