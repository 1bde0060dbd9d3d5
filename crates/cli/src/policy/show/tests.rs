use super::part;

#[test]
fn a_policy_is_what_lies_between_two_marks() {
    let text = "# first\nkind: A\n---\n\nkind: B\nspec: {}\n--- # third\nkind: C\n";
    for (line, expected) in [
        (2, "# first\nkind: A"),
        (5, "\nkind: B\nspec: {}"),
        (8, "kind: C"),
    ] {
        assert_eq!(part(text, line), expected, "line {line}");
    }
    assert_eq!(part("{\"kind\": \"A\"}", 1), "{\"kind\": \"A\"}");
    assert_eq!(part("", 9), "");
}
