use bollard::models::EventActor;

use super::*;

fn event(typ: EventMessageTypeEnum, action: &str, id: &str, container: Option<&str>) -> EventMessage {
    let attributes = container.map(|id| HashMap::from([("container".to_owned(), id.to_owned())]));
    EventMessage {
        typ: Some(typ),
        action: Some(action.to_owned()),
        actor: Some(EventActor {
            id: Some(id.to_owned()),
            attributes,
        }),
        ..EventMessage::default()
    }
}

#[test]
fn each_kind_of_event_asks_for_the_right_thing() {
    let id = "a".repeat(64);
    let known = ContainerId::new(id.clone()).unwrap();
    let cases = [
        (
            event(EventMessageTypeEnum::CONTAINER, "create", &id, None),
            Some(Notice::Created(known.clone())),
        ),
        (
            event(EventMessageTypeEnum::CONTAINER, "die", &id, None),
            Some(Notice::Look(known.clone())),
        ),
        (
            event(EventMessageTypeEnum::CONTAINER, "destroy", &id, None),
            Some(Notice::Destroyed(known.clone())),
        ),
        (
            event(EventMessageTypeEnum::CONTAINER, "create", "short", None),
            None,
        ),
        (
            event(EventMessageTypeEnum::NETWORK, "connect", "net", Some(&id)),
            Some(Notice::Look(known)),
        ),
        (event(EventMessageTypeEnum::NETWORK, "connect", "net", None), None),
        (
            event(EventMessageTypeEnum::NETWORK, "create", "net", None),
            Some(Notice::Networks),
        ),
        (
            event(EventMessageTypeEnum::NETWORK, "destroy", "net", None),
            Some(Notice::Networks),
        ),
        (
            event(EventMessageTypeEnum::SERVICE, "update", "svc", None),
            Some(Notice::Services),
        ),
        (event(EventMessageTypeEnum::VOLUME, "create", "v", None), None),
    ];
    for (given, want) in cases {
        assert_eq!(notice(&given), want, "{given:?}");
    }
    assert_eq!(notice(&EventMessage::default()), None);
}
