use super::Times;

#[test]
fn a_percentile_is_one_of_the_times() {
    let times = |count: u32| Times::of((1..=count).rev().map(f64::from).collect());
    let hundred = times(200).unwrap();
    assert_eq!((hundred.median, hundred.p99, hundred.most), (100.0, 198.0, 200.0));
    let one = times(1).unwrap();
    assert_eq!((one.median, one.p99, one.most), (1.0, 1.0, 1.0));
    assert_eq!(times(0), None);
}
