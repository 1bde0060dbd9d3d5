use super::*;
use crate::Judge;

const LINE: &str = r#"{"description":"d","steps":[{"Policies":[{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy",
"metadata":{"name":"a","namespace":"x"},"spec":{"podSelector":{},"ingress":[{"ports":[{"port":"http"}]}]}}],
"Namespaces":{"x":{}},"Pods":[{"ns":"x","name":"a","ip":"10.0.0.1","labels":{}}],"Expect":[
{"From":"x/a","To":"x/a","Proto":"TCP","Port":80,"PortName":"http","Ingress":"allowed","Egress":"allowed","Combined":"allowed"},
{"From":"x/a","To":"x/a","Proto":"TCP","Port":81,"PortName":"other","Ingress":"blocked","Egress":"allowed","Combined":"blocked"}]}]}"#;

#[test]
fn a_case_becomes_a_world_and_attempts() {
    let case = Case::parse(LINE).unwrap();
    let prepared = case.steps[0].prepare().unwrap();
    let judge = Judge::new(&prepared.world);
    assert_eq!(prepared.attempts.len(), 2);
    for (cell, attempt) in &prepared.attempts {
        assert!(cell.agrees(&judge.ends(attempt)), "{cell:?}");
        let other = Cell {
            combined: if cell.combined == Answer::Allowed {
                Answer::Blocked
            } else {
                Answer::Allowed
            },
            ..(*cell).clone()
        };
        assert!(!other.agrees(&judge.ends(attempt)));
    }
}

#[test]
fn defects_are_named() {
    assert!(Case::parse("{").is_err());
    for (from, to) in [
        ("\"From\":\"x/a\"", "\"From\":\"x/b\""),
        ("TCP", "XCP"),
        ("podSelector", "podSelecter"),
    ] {
        let case = Case::parse(&LINE.replace(from, to)).unwrap();
        assert!(case.steps[0].prepare().is_err(), "{to}");
    }
}
