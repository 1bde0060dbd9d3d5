use std::net::IpAddr;

use bollard::models::ContainerInspectResponse;
use cofferdam_policy::Labels;

use super::*;

fn id(digit: char) -> ContainerId {
    ContainerId::new(digit.to_string().repeat(64)).unwrap()
}

/// A container called `name` whose id is its first letter, 64 times.
fn container(name: &str, mode: &str) -> Container {
    let digit = name.chars().next().unwrap();
    let answer = ContainerInspectResponse {
        id: Some(id(digit).to_string()),
        ..Default::default()
    };
    let mut made = super::super::decode::container(&answer, &Labels::new())
        .unwrap()
        .container;
    made.name = name.to_owned();
    made.network_mode = NetworkMode::parse(mode);
    made.host_network = made.network_mode == NetworkMode::Host;
    made
}

fn told(table: &Table, digit: char) -> &Container {
    table.told.get(&id(digit)).unwrap()
}

fn names(changes: &[Change]) -> Vec<String> {
    let name = |change: &Change| match change {
        Change::Upsert(container) => container.name.clone(),
        Change::Gone(id) => format!("-{}", &id.as_str()[..1]),
        other => format!("{other:?}"),
    };
    changes.iter().map(name).collect()
}

#[test]
fn a_chain_leads_to_its_end() {
    let mut table = Table::default();
    let owner = Container {
        addresses: vec![IpAddr::from([10, 0, 0, 1])],
        ..container("aowner", "host")
    };
    let via_id = format!("container:{}", id('a'));
    table.replace(vec![
        container("cthird", "container:bsecond"),
        container("bsecond", &via_id),
        owner,
    ]);
    for digit in ['b', 'c'] {
        assert_eq!(told(&table, digit).netns_owner, Some(id('a')));
        assert!(told(&table, digit).host_network);
        assert_eq!(told(&table, digit).addresses, [IpAddr::from([10, 0, 0, 1])]);
    }
    assert_eq!(told(&table, 'a').netns_owner, None);
}

#[test]
fn a_circle_and_a_missing_owner_end() {
    let mut table = Table::default();
    table.replace(vec![
        container("a1", "container:b2"),
        container("b2", "container:a1"),
        container("c3", "container:c3"),
        container("d4", "container:nobody"),
        container("e5", "container:a1"),
    ]);
    for digit in ['a', 'b', 'c', 'd', 'e'] {
        assert_eq!(told(&table, digit).netns_owner, None, "{digit}");
        assert!(!told(&table, digit).host_network);
    }
}

#[test]
fn a_short_id_counts_only_where_it_is_the_only_one() {
    let mut table = Table::default();
    table.replace(vec![
        container("a1", "bridge"),
        container("b2", "container:aaaa"),
        container("c3", "container:"),
    ]);
    assert_eq!(told(&table, 'b').netns_owner, Some(id('a')));
    assert_eq!(told(&table, 'c').netns_owner, None);
}

#[test]
fn news_are_told_once_and_to_those_that_joined() {
    let mut table = Table::default();
    assert_eq!(names(&table.put(container("b2", "container:a1"))), ["b2"]);
    assert_eq!(names(&table.put(container("b2", "container:a1"))), [""; 0]);
    assert_eq!(names(&table.put(container("a1", "host"))), ["a1", "b2"]);
    assert!(told(&table, 'b').host_network);
    let renamed = Container {
        state: crate::ContainerState::Running,
        ..container("a1", "host")
    };
    assert_eq!(names(&table.put(renamed)), ["a1"]);
    assert_eq!(names(&table.remove(&id('a'))), ["b2", "-a"]);
    assert_eq!(names(&table.remove(&id('a'))), [""; 0]);
    assert_eq!(table.all().len(), 1);
}
