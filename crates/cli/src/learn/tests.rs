#![allow(clippy::unwrap_used, reason = "a test may panic")]
use cofferdam_api::FlowView;

use super::*;

fn flow(text: &str) -> FlowView {
    let mut value: serde_json::Value = serde_json::from_str(
        r#"{"time":"2026-03-01T10:00:00Z","verdict":"allow","reason":"rule","hook":"connect4","mode":"enforce",
        "from":{"class":"workload","name":"web","namespace":"shop","labels":{"app":"web","icon":"x","cofferdam.egress":"lan"}},
        "to":{"class":"workload","name":"db","namespace":"shop","labels":{"app":"db"}},
        "protocol":"tcp","destination":"127.0.0.1:5432","repeats":3}"#,
    )
    .unwrap();
    let changes: serde_json::Value = serde_json::from_str(text).unwrap();
    for (key, change) in changes.as_object().unwrap() {
        value[key] = change.clone();
    }
    serde_json::from_value(value).unwrap()
}

#[test]
fn what_passed_is_learnt_and_what_was_refused_is_counted() {
    let flows = [
        flow("{}"),
        flow(r#"{"verdict":"deny","mode":"observe"}"#),
        flow(r#"{"verdict":"deny"}"#),
        flow(r#"{"verdict":"deny","hook":"end"}"#),
        flow(r#"{"reason":"loopback"}"#),
        flow(r#"{"reason":"port-taken","verdict":"deny","mode":"observe"}"#),
        flow(r#"{"to":{"class":"workload","name":"web","namespace":"shop"}}"#),
    ];
    let seen = observed::observed(&flows, &[]);
    assert_eq!((seen.flows.len(), seen.denied), (2, 6));
    let cofferdam_learn::End::Workload(web) = &seen.flows[0].from else {
        panic!()
    };
    assert_eq!(web.identity.keys().collect::<Vec<_>>(), ["app"]);
    assert_eq!(web.visible.keys().collect::<Vec<_>>(), ["app", "icon"]);
}

#[test]
fn a_workload_is_meant_by_its_name_or_by_all_of_some_labels() {
    let visible = [("app", "web"), ("env", "prod")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let web = Workload {
        name: "shop-web-1".to_owned(),
        visible: visible.into(),
        ..Workload::default()
    };
    let meant = |text| is_meant(text, &web);
    assert!(meant("shop-web-1") && meant("app=web") && meant("app=web, env=prod"));
    assert!(!meant("web") && !meant("app=web,env=dev") && !meant("tier=x"));
}
