//! The recipes of `examples/recipes`: where each one's files are, what its page says, and what a lab needs to play it.
//!
//! `root_recipes` plays them, `cargo xtask gen` makes `docs/recipes.md` of them, `cargo xtask lab` lets people try.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::image::CURL;
use crate::lab::Lab;

/// The image that every service of a recipe runs: busybox as everybody gets it.
const IMAGE: &str = "busybox:1.37";

/// What a command line of a page begins with.
const PROMPT: &str = "$ ";

/// A folder of `examples/recipes`.
pub struct Recipe {
    /// The folder's name, which begins with the recipe's number.
    pub name: String,
    /// The folder.
    pub folder: PathBuf,
    page: String,
}

/// A command of a page, and what it printed. Where that is empty, nobody cares what it prints.
pub struct Step {
    /// As it stands there, without the prompt.
    pub command: String,
    /// The lines up to the next prompt.
    pub output: String,
}

/// Every recipe, in the order of its number.
pub fn all() -> Result<Vec<Recipe>> {
    let mut recipes = Vec::new();
    for folder in entries(&folder())? {
        if folder.is_dir() {
            let page = folder.join("README.md");
            recipes.push(Recipe {
                name: file_name(&folder),
                page: fs::read_to_string(&page).with_context(|| page.display().to_string())?,
                folder,
            });
        }
    }
    Ok(recipes)
}

/// Gives the lab's engine the image that recipes name: the lab's own busybox, since there is no registry.
pub fn prepare(lab: &Lab) -> Result<()> {
    lab.engine.docker(&["tag", CURL.name, IMAGE]).map(drop)
}

/// `docs/recipes.md`: the introduction with a compose file to look at, then every recipe's page with its policies.
pub fn document() -> Result<String> {
    let introduction = folder().join("README.md");
    let mut text = fs::read_to_string(introduction).context("examples/recipes/README.md")?;
    let recipes = all()?;
    if let Some(first) = recipes.first() {
        let compose = fs::read_to_string(first.folder.join("compose.yaml")).context("compose.yaml")?;
        write!(
            text,
            "\nThe services of the first recipe; the others look alike:\n\n```yaml\n{compose}```\n"
        )?;
    }
    for recipe in recipes {
        write!(text, "\n{}", recipe.section()?)?;
    }
    Ok(text)
}

/// Where they are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/recipes")
}

/// What lies in a folder, sorted: `02-` comes before `02a`.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let entries = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut entries = entries.collect::<std::io::Result<Vec<_>>>()?;
    entries.sort();
    Ok(entries)
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

// === impl Recipe ===

impl Recipe {
    /// Its compose files: `compose.yaml` first, then one for each further project.
    pub fn projects(&self) -> Result<Vec<String>> {
        self.files(|name| name.starts_with("compose"))
    }

    /// Its policies.
    pub fn policies(&self) -> Result<Vec<String>> {
        self.files(|name| !name.starts_with("compose") && name != "test.yaml")
    }

    /// Names of its YAML files.
    fn files(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        let names = entries(&self.folder)?.into_iter().map(|path| file_name(&path));
        let mut names: Vec<String> = names
            .filter(|name| name.ends_with(".yaml") && wanted(name))
            .collect();
        names.sort_by_key(|name| name != "compose.yaml");
        Ok(names)
    }

    /// What its page lets the reader do.
    pub fn steps(&self) -> Result<Vec<Step>> {
        let mut steps: Vec<Step> = Vec::new();
        for line in self.page.lines().filter_map(|line| line.strip_prefix("    ")) {
            if let Some(command) = line.strip_prefix(PROMPT) {
                steps.push(Step {
                    command: command.to_owned(),
                    output: String::new(),
                });
            } else {
                let last = steps.last_mut().context("output before a command")?;
                writeln!(last.output, "{line}")?;
            }
        }
        ensure!(!steps.is_empty(), "{}: the page has no commands", self.name);
        Ok(steps)
    }

    /// Its part of the document: its page one level down, then its files.
    fn section(&self) -> Result<String> {
        let mut text = format!("#{}", self.page);
        let place = format!("../examples/recipes/{}", self.name);
        let read = |name: &str| fs::read_to_string(self.folder.join(name)).with_context(|| name.to_owned());
        let link = |name: &String| format!("[{name}]({place}/{name})");
        let projects: Vec<String> = self.projects()?.iter().map(link).collect();
        writeln!(text, "\nServices: {}", projects.join(", "))?;
        for name in self.policies()? {
            let policy = read(&name)?;
            write!(text, "\n{}:\n\n```yaml\n{policy}```\n", link(&name))?;
        }
        let test = read("test.yaml")?;
        let (_, paths) = test.split_once("tests:\n").context("test.yaml has no tests")?;
        write!(
            text,
            "\nWho reaches whom ([test.yaml]({place}/test.yaml)):\n\n```yaml\n{paths}```\n"
        )?;
        Ok(text)
    }
}
