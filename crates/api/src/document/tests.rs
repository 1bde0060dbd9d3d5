use crate::{openapi, routes};

#[test]
fn every_route_has_an_operation() {
    let document = openapi();
    let routes = [
        routes::STATUS,
        routes::METRICS,
        routes::WORKLOADS,
        routes::FLOWS,
        routes::FLOWS_TOP,
        routes::RUN,
        routes::ENFORCE,
        routes::OBSERVE,
        routes::CONFIRM,
        routes::PROTECT,
        routes::UNPROTECT,
        routes::OFF,
        routes::ON,
        routes::EXPLAIN,
        routes::STOP,
        routes::POLICY_DEFAULT,
        routes::POLICIES,
        routes::POLICIES_RELOAD,
        routes::KEY,
        routes::KEY_ROTATE,
        routes::OPENAPI,
    ];
    for route in routes {
        assert!(
            document.paths.paths.contains_key(route),
            "{route} has no operation"
        );
    }
    assert_eq!(document.paths.paths.len(), routes.len());
}

#[test]
fn every_reference_has_a_schema() {
    let text = serde_json::to_string(&openapi()).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name} is named and not described");
    }
    for name in [
        "Status",
        "WorkloadView",
        "FlowView",
        "Problem",
        "RunRequest",
        "ExplainResponse",
    ] {
        assert!(schemas.contains_key(name), "{name} is missing");
    }
}
