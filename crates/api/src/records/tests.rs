use super::*;
use crate::Flows;

fn flow() -> FlowView {
    serde_json::from_str(
        r#"{"time":"2026-03-01T10:00:00Z","verdict":"allow","reason":"rule","hook":"connect4","mode":"enforce",
        "from":{"class":"host"},"to":{"class":"workload","name":"web","labels":{"app":"web"}},"protocol":"tcp",
        "rule":{"name":"default/opened","source":"-p 80:80"},"destination":"127.0.0.1:80","repeats":1}"#,
    )
    .unwrap()
}

/// What comes of a text, whole and byte by byte.
fn records(text: &str) -> Result<Vec<FlowView>, String> {
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut records, mut flows) = (FlowRecords::default(), Vec::new());
        for piece in pieces {
            records
                .read(piece, |flow| flows.push(flow))
                .map_err(|error| error.to_string())?;
        }
        records.end().map_err(|error| error.to_string())?;
        Ok(flows)
    };
    let whole = read(&mut [text.as_bytes()].into_iter());
    assert_eq!(read(&mut text.as_bytes().chunks(1)), whole);
    whole
}

#[test]
fn records_are_read_out_of_an_answer_and_out_of_lines() {
    let mut odd = flow();
    odd.comm = Some("a\"}{\\ \"flows\"".into());
    let flows = vec![flow(), odd];
    let answer = Flows::new(flows.clone());
    for text in [
        serde_json::to_string(&answer).unwrap(),
        serde_json::to_string_pretty(&answer).unwrap(),
        format!(
            "{}\n\n{}\n",
            serde_json::to_string(&flows[0]).unwrap(),
            serde_json::to_string(&flows[1]).unwrap()
        ),
        format!(
            " {}",
            serde_json::to_string(&flows[0]).unwrap() + &serde_json::to_string_pretty(&flows[1]).unwrap()
        ),
    ] {
        assert_eq!(records(&text).as_ref(), Ok(&flows), "{text}");
    }
    assert_eq!(records(""), Ok(Vec::new()));
    assert_eq!(
        records(&serde_json::to_string(&Flows::new(Vec::new())).unwrap()),
        Ok(Vec::new())
    );
}

#[test]
fn what_is_no_record_is_told_with_its_line() {
    let one = serde_json::to_string(&flow()).unwrap();
    let told = |text: &str| records(text).unwrap_err();
    assert_eq!(told("\nroot:x:0\n"), "line 2: expected an object");
    assert_eq!(told("[]"), "line 1: expected an object");
    assert!(told("{}").starts_with("line 1: missing field"), "{}", told("{}"));
    assert!(told(&format!("{one}\n{{\"a\":{{}}}}\n")).starts_with("line 2: missing field"));
    assert_eq!(
        told(&one[..one.len() - 1]),
        "line 1: the text ends within a record"
    );
    assert_eq!(
        told(r#"{"version":1,"flows":["#),
        "line 1: the text ends within a record"
    );
    let long = format!("{{\"a\":\"{}", "x".repeat(2 << 20));
    assert_eq!(told(&long), "line 1: a record is too long");
}
