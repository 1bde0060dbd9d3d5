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

fn observed(flows: &[FlowView], listing: &[cofferdam_api::WorkloadView]) -> Observed {
    let mut records = records::Records::default();
    flows.iter().cloned().for_each(|flow| records.add(flow));
    observed::observed(&records, listing)
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
    let seen = observed(&flows, &[]);
    assert_eq!((seen.passed.len(), seen.denied()), (2, 6));
    assert_eq!(seen.passed[0].times, 3);
    let cofferdam_learn::End::Workload(web) = &seen.passed[0].from else {
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

#[test]
fn a_packet_without_a_name_is_left_out_only_where_no_call_told_who_it_was() {
    let nameless = r#""from":{"class":"workload"},"hook":"ingress","mode":"observe","verdict":"deny""#;
    let flows = [
        flow("{}"),
        flow(&format!("{{{nameless}}}")),
        flow(&format!(r#"{{{nameless},"destination":"127.0.0.1:80"}}"#)),
    ];
    let seen = observed(&flows, &[]);
    assert_eq!(
        seen.passed.iter().map(|flow| flow.port).collect::<Vec<_>>(),
        [5432, 80]
    );
}

#[test]
fn the_port_of_a_published_one_is_the_containers() {
    let port = |text: &str| observed(&[flow(text)], &[]).passed[0].port;
    assert_eq!(port("{}"), 5432);
    assert_eq!(port(r#"{"inner_port":5433}"#), 5433);
}

#[test]
fn what_a_workload_does_to_itself_is_no_flow() {
    let db = |listening: &str| {
        let text = format!(
            r#"{{"name":"db","kind":"container","id":"1","namespace":"shop","labels":{{"app":"db"}},"identity_labels":{{"app":"db"}},
            "network_mode":"bridge","protected":true,"listening":[{listening}],"notes":[],"warnings":[],"openings":[]}}"#
        );
        serde_json::from_str(&text).unwrap()
    };
    let listens = r#"{"protocol":"tcp","address":"0.0.0.0","port":5432}"#;
    let itself = r#"{"from":{"class":"workload","name":"db","namespace":"shop"},"to":{"class":"host"},"protocol":"udp","destination":"[::]:5432"}"#;
    assert_eq!(observed(&[flow(itself)], &[db(listens)]).passed, []);
    assert_eq!(observed(&[flow(itself)], &[db("")]).passed.len(), 1);
    for act in [
        r#"{"hook":"bind4","reason":"not-judged"}"#,
        r#"{"hook":"sysctl","protocol":"sysctl","object":"net.ipv4.ip_forward = 1"}"#,
    ] {
        assert_eq!(observed(&[flow(act)], &[]).passed, [], "{act}");
    }
}

#[test]
fn a_call_before_its_server_listened_was_meant_for_the_server() {
    let early = r#"{"to":{"class":"host"}}"#;
    let other = r#"{"to":{"class":"host"},"destination":"127.0.0.1:1"}"#;
    let nobody = r#"{"to":{"class":"host"},"from":{"class":"workload","name":"api","namespace":"shop"}}"#;
    let seen = observed(&[flow(early), flow(other), flow(nobody), flow("{}")], &[]);
    let is_server = |flow: &&cofferdam_learn::Flow| matches!(&flow.to, cofferdam_learn::End::Workload(one) if one.name == "db");
    let meant = seen.passed.iter().filter(is_server).count();
    assert_eq!((seen.passed.len(), meant), (4, 2));
}

#[test]
fn equal_records_are_one_with_the_first_and_the_last_time() {
    let flows = [
        flow(r#"{"time":"2026-03-01T12:00:00Z","source":"127.0.0.1:2","pid":7}"#),
        flow(r#"{"time":"2026-03-01T11:00:00Z","source":"127.0.0.1:1"}"#),
        flow(r#"{"time":"2026-03-01T11:30:00Z","destination":"127.0.0.1:1"}"#),
    ];
    let seen = observed(&flows, &[]).passed;
    assert_eq!(seen.len(), 2);
    assert_eq!(
        (seen[0].times, seen[0].first.to_string(), seen[0].last.to_string()),
        (
            6,
            "2026-03-01T11:00:00Z".to_owned(),
            "2026-03-01T12:00:00Z".to_owned()
        )
    );
}
