use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn an_images_pair_does_not_count_but_another_value_does() {
    let image = labels(&[("app", "base"), ("vendor", "acme")]);
    let got = origin(
        &labels(&[("app", "base"), ("vendor", "me"), ("role", "db")]),
        &image,
    );
    assert_eq!(got.labels, labels(&[("vendor", "me"), ("role", "db")]));
    assert_eq!(got.namespace, "default");
}

#[test]
fn a_missing_image_subtracts_nothing() {
    let all = labels(&[("app", "base")]);
    assert_eq!(origin(&all, &Labels::new()).labels, all);
}

#[test]
fn the_runtimes_own_are_removed_and_the_project_is_the_namespace() {
    let all = labels(&[
        ("app", "web"),
        ("app.kubernetes.io/name", "web"),
        ("com.docker.compose.project", "shop"),
        ("com.docker.compose.service", "web"),
        ("org.opencontainers.image.title", "x"),
        ("io.podman.compose.project", "shop"),
        ("io.kubernetes.pod.name", "x"),
    ]);
    let got = origin(&all, &Labels::new());
    assert_eq!(
        got.labels,
        labels(&[("app", "web"), ("app.kubernetes.io/name", "web")])
    );
    assert_eq!(got.namespace, "shop");
}

#[test]
fn an_image_that_compose_built_keeps_its_project() {
    let image = labels(&[
        ("com.docker.compose.project", "shop"),
        ("com.docker.compose.service", "web"),
    ]);
    let mut all = image.clone();
    all.insert(CONFIG_HASH.into(), "abc".into());
    assert_eq!(origin(&all, &image).namespace, "shop");
}

#[test]
fn an_image_cannot_claim_a_project() {
    let image = labels(&[(PROJECT, "shop"), (CONFIG_HASH, "abc")]);
    assert_eq!(origin(&image, &image).namespace, "default");
}

#[test]
fn an_empty_project_is_none() {
    assert_eq!(
        origin(&labels(&[(PROJECT, "")]), &Labels::new()).namespace,
        "default"
    );
}
