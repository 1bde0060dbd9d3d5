use cofferdam_api::{Direction, RuleView, VERSION};

use super::*;

#[test]
fn a_port_may_name_its_protocol() {
    let parts = |text: &str| port(text).map(|port| (port.number, port.protocol));
    assert_eq!(parts("80"), Ok((80, "tcp".to_owned())));
    assert_eq!(parts("53/UDP"), Ok((53, "udp".to_owned())));
    for text in ["", "http", "70000", "80/", "-1"] {
        assert!(parts(text).is_err(), "{text}");
    }
}

#[test]
fn an_explanation_ends_with_the_line_that_allows() {
    let answer = ExplainResponse {
        version: VERSION,
        verdict: Verdict::Deny,
        reason: "rule".into(),
        rule: Some(RuleView {
            name: "default/same-labels".into(),
            source: "built-in".into(),
        }),
        direction: Some(Direction::Ingress),
        observed: false,
        text: "host is no peer of nginx\nno opening of nginx names host".into(),
        allow_with: Some("label on nginx: cofferdam.ingress=host:80".into()),
    };
    let text = anstream::adapter::strip_str(&text(&answer)).to_string();
    assert_eq!(
        text,
        "deny: rule default/same-labels (built-in)\n  \
           host is no peer of nginx\n  \
           no opening of nginx names host\n\
         allow with: label on nginx: cofferdam.ingress=host:80\n"
    );
}
