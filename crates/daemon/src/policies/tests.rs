//! A folder in every state that editors and copies leave it in: nothing that was said is lost by a mistake.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cofferdam_policy::{CompileError, RuleText};

use super::{Folder, Look, Outcome, Policies};

fn policy(name: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}}}\nspec: {{podSelector: {{}}}}\n"
    )
}

fn texts(files: &[(&str, &str)]) -> BTreeMap<String, Look> {
    let look = |(name, text): &(&str, &str)| ((*name).to_owned(), Look::Text(text.as_bytes().to_vec()));
    files.iter().map(look).collect()
}

fn empty() -> Policies {
    Policies::new(Path::new("/p"), BTreeMap::new())
}

/// The books after a look at these files; what is said of them.
fn after(policies: &mut Policies, files: &[(&str, &str)]) -> Vec<String> {
    let proposal = policies.propose(texts(files));
    policies.take(proposal);
    policies.complaints().collect()
}

fn names(policies: &Policies) -> Vec<String> {
    policies
        .in_force(0)
        .into_iter()
        .map(|one| one.name.clone())
        .collect()
}

#[test]
fn a_bad_file_keeps_what_it_said_and_says_where_it_is_wrong() {
    let mut policies = empty();
    assert!(after(&mut policies, &[("a.yaml", &policy("one"))]).is_empty());
    let bad = policy("two").replace("podSelector", "podSelektor");
    let said = after(&mut policies, &[("a.yaml", &bad)]);
    assert_eq!(names(&policies), ["one"]);
    assert!(said[0].starts_with("/p/a.yaml:4:8: "), "{said:?}");
    assert!(
        said[0].contains("what it said before stays in force; hint: "),
        "{said:?}"
    );
    let said = after(&mut policies, &[("a.yaml", "")]);
    assert!(
        said[0].starts_with("/p/a.yaml:1:1: the file is empty"),
        "{said:?}"
    );
    assert_eq!(names(&policies), ["one"]);
    assert!(after(&mut policies, &[("a.yaml", &policy("two"))]).is_empty());
    assert_eq!(names(&policies), ["two"]);
    let said = after(&mut policies, &[("new.yaml", "kind: Pod")]);
    assert!(said[0].contains("nothing of it is in force"), "{said:?}");
}

#[test]
fn a_file_that_cannot_be_read_keeps_what_it_said_and_one_that_is_gone_does_not() {
    let mut policies = empty();
    after(
        &mut policies,
        &[("a.yaml", &policy("one")), ("b.yaml", &policy("two"))],
    );
    let looks = BTreeMap::from([
        ("a.yaml".to_owned(), Look::Unreadable("it is no file".to_owned())),
        ("b.yaml".to_owned(), Look::Gone),
    ]);
    let proposal = policies.propose(looks);
    let outcomes: Vec<_> = proposal.outcomes().map(|(name, _)| name).collect();
    assert_eq!(outcomes, ["b.yaml", "a.yaml"]);
    assert!(proposal.outcomes().any(|(_, outcome)| outcome == Outcome::Gone));
    policies.take(proposal);
    assert_eq!(names(&policies), ["one"]);
    // What it said is not read again while it is in force, but the mistake goes.
    assert!(after(&mut policies, &[("a.yaml", &policy("one"))]).is_empty());
}

#[test]
fn of_two_files_with_one_policy_the_first_keeps_it_until_it_lets_go() {
    let mut policies = empty();
    after(&mut policies, &[("b.yaml", &policy("one"))]);
    let said = after(&mut policies, &[("a.yaml", &policy("one"))]);
    assert!(
        said[0].starts_with("/p/a.yaml:1:1: default/one stands in /p/b.yaml:1 already"),
        "{said:?}"
    );
    assert_eq!(policies.in_force(0)[0].place, "/p/b.yaml:1");
    // A file is renamed by a copy and a removal.
    let gone = BTreeMap::from([("b.yaml".to_owned(), Look::Gone)]);
    let proposal = policies.propose(gone);
    policies.take(proposal);
    assert_eq!(policies.in_force(0)[0].place, "/p/a.yaml:1");
    assert_eq!(policies.complaints().count(), 0);
    // Both at once, and each has the other's: they may.
    after(&mut policies, &[("c.yaml", &policy("two"))]);
    let said = after(
        &mut policies,
        &[("a.yaml", &policy("two")), ("c.yaml", &policy("one"))],
    );
    assert!(said.is_empty(), "{said:?}");
    // Twice in one file.
    let twice = format!("{}---\n{}", policy("x"), policy("x"));
    let said = after(&mut policies, &[("d.yaml", &twice)]);
    assert!(
        said[0].starts_with("/p/d.yaml:6:1: default/x stands in /p/d.yaml:1 already"),
        "{said:?}"
    );
}

#[test]
fn what_does_not_fit_is_taken_back_alone() {
    let mut policies = empty();
    after(&mut policies, &[("a.yaml", &policy("one"))]);
    let mut proposal = policies.propose(texts(&[("a.yaml", &policy("big")), ("b.yaml", &policy("two"))]));
    let no_room = |source: &str| CompileError::NoRoomBeside {
        what: "rows",
        held: 9,
        new: 2,
        room: 10,
        most: RuleText {
            name: "default/big/ingress[0]".to_owned(),
            source: source.to_owned(),
        },
        share: 2,
    };
    assert!(proposal.withdraw(&no_room("/p/a.yaml:1")));
    let names: Vec<_> = proposal
        .in_force(0)
        .into_iter()
        .map(|one| one.name.clone())
        .collect();
    assert_eq!(names, ["one", "two"]);
    assert!(proposal.changes());
    // Nothing is at fault for sure: all that is new goes.
    assert!(proposal.withdraw(&no_room("built-in")));
    assert!(!proposal.changes());
    assert!(!proposal.withdraw(&no_room("built-in")));
    policies.take(proposal);
    let said: Vec<_> = policies.complaints().collect();
    assert!(
        said[0].contains("2 new rows do not fit beside the 9 in force"),
        "{said:?}"
    );
    // It is tried again with the next change, whatever that is.
    let proposal = policies.propose(BTreeMap::new());
    assert_eq!(proposal.in_force(0).len(), 2);
}

#[test]
fn policies_end() {
    let mut policies = empty();
    let ends = policy("one").replace(
        "{podSelector: {}}",
        "{podSelector: {}, until: 1970-01-01T00:01:00Z}",
    );
    after(&mut policies, &[("a.yaml", &ends)]);
    assert_eq!((policies.in_force(59).len(), policies.in_force(60).len()), (1, 0));
}

#[test]
fn files_are_read_once_they_are_whole() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("policies");
    let mut folder = Folder::open(&path, home.path().join("state").as_path());
    let look = |folder: &mut Folder, known: &[&str]| {
        folder.hear();
        let known: Vec<String> = known.iter().map(|name| (*name).to_owned()).collect();
        folder.look(known.iter()).unwrap()
    };
    assert!(look(&mut folder, &[]).is_empty());
    folder.look([&"a.yaml".to_owned()].into_iter()).unwrap_err();
    fs::create_dir(&path).unwrap();
    assert!(folder.aim() && !folder.aim());
    assert!(look(&mut folder, &[]).is_empty());

    let mut half = fs::File::create(path.join("a.yaml")).unwrap();
    std::io::Write::write_all(&mut half, b"kind: ").unwrap();
    fs::write(path.join("b.yml"), "b").unwrap();
    fs::write(path.join("notes.txt"), "no policy").unwrap();
    fs::write(path.join(".c.yaml"), "an editor's").unwrap();
    std::os::unix::fs::symlink("b.yml", path.join("link.json")).unwrap();
    assert_eq!(
        look(&mut folder, &[]),
        texts(&[("b.yml", "b"), ("link.json", "b")])
    );
    drop(half);
    let found = look(&mut folder, &["b.yml", "gone.yaml"]);
    assert_eq!(found.get("a.yaml"), Some(&Look::Text(b"kind: ".to_vec())));
    assert_eq!(found.get("gone.yaml"), Some(&Look::Gone));
    assert_eq!(found.get("b.yml"), None, "it was not written since");
    fs::rename(path.join(".c.yaml"), path.join("c.yaml")).unwrap();
    assert!(look(&mut folder, &[]).contains_key("c.yaml"));
    fs::create_dir(path.join("d.yaml")).unwrap();
    folder.read_all();
    assert_eq!(
        look(&mut folder, &[])["d.yaml"],
        Look::Unreadable("it is no file".to_owned())
    );
}

#[test]
fn a_folder_that_is_gone_takes_only_what_was_removed_before() {
    let home = tempfile::tempdir().unwrap();
    let (path, aside) = (home.path().join("policies"), home.path().join("aside"));
    fs::create_dir(&path).unwrap();
    fs::write(path.join("a.yaml"), "a").unwrap();
    let mut folder = Folder::open(&path, home.path());
    let known = ["a.yaml".to_owned()];
    fs::rename(&path, &aside).unwrap();
    folder.hear();
    folder.look(known.iter()).unwrap_err();
    fs::rename(&aside, &path).unwrap();
    folder.look(known.iter()).unwrap();
    fs::remove_dir_all(&path).unwrap();
    assert!(folder.hear());
    assert_eq!(folder.look(known.iter()).unwrap()["a.yaml"], Look::Gone);
}

#[test]
fn copies_outlive_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let folder = Folder::open(&home.path().join("policies"), home.path());
    folder.keep("a.yaml", policy("one").as_bytes()).unwrap();
    folder.keep("b.yaml", b"from a newer version").unwrap();
    folder.keep("c.yaml", b"").unwrap();
    folder.forget("c.yaml").unwrap();
    folder.forget("c.yaml").unwrap();
    let kept = folder.kept();
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["a.yaml", "b.yaml"]);
    let mut policies = Policies::new(Path::new("/p"), kept);
    after(&mut policies, &[("a.yaml", "kind: nonsense")]);
    assert_eq!(names(&policies), ["one"]);
}
