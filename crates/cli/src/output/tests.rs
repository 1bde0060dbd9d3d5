use super::*;

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

fn rows() -> Vec<(Style, Vec<String>)> {
    let cells = |texts: [&str; 3]| texts.map(str::to_owned).to_vec();
    vec![
        (GOOD, cells(["web", "app=web", "80"])),
        (
            Style::new(),
            cells([
                "a-rather-long-name-of-a-workload-1",
                "app=a-rather-long-label,tier=another-long-one",
                "80,443,8080,8443",
            ]),
        ),
    ]
}

#[test]
fn a_table_stays_within_80_columns_and_one_line_a_row() {
    let text = plain(&table(
        &[("NAME", 20), ("LABELS", 0), ("LISTENING", 12)],
        rows(),
        false,
    ));
    assert_eq!(text.lines().count(), 3, "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= usize::from(WIDTH), "{line}");
        assert_eq!(line, line.trim_end());
    }
    assert!(text.contains('…'), "{text}");
}

#[test]
fn a_wide_table_cuts_nothing() {
    let text = plain(&table(
        &[("NAME", 20), ("LABELS", 0), ("LISTENING", 12)],
        rows(),
        true,
    ));
    assert!(!text.contains('…'), "{text}");
    assert!(
        text.contains("app=a-rather-long-label,tier=another-long-one"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 3, "{text}");
}
