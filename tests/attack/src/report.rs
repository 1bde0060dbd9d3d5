//! What an attack is told, and what it tells.

use std::io::{BufRead, Error, Write};
use std::net::SocketAddr;
use std::time::Duration;

use nix::errno::Errno;
use serde_json::json;

/// `KEY=VALUE` words; a key may come more than once.
pub(crate) struct Args(Vec<(String, String)>);

/// How an attack ended, as far as its own end can tell.
pub(crate) enum Told {
    /// All calls went through. `effect`: proof that it worked, where this end has it.
    Went { outcome: String, effect: Option<String> },
    /// A call was refused.
    Refused(Refused),
}

/// A step that was refused.
pub(crate) struct Refused {
    step: String,
    error: Error,
}

/// What names the step that failed.
pub(crate) trait Step<T> {
    fn step(self, step: &str) -> Result<T, Refused>;
}

/// Tells the other side that everything is prepared.
pub(crate) fn ready() {
    println!("ready");
    let _ = std::io::stdout().flush();
}

/// Waits for the other side's word.
pub(crate) fn go() {
    let _ = std::io::stdin().lock().read_line(&mut String::new());
}

// === impl Args ===

impl Args {
    pub(crate) fn new(words: &[String]) -> Self {
        let pairs = words.iter().filter_map(|word| word.split_once('='));
        Self(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
    }

    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(k, _)| k == key)
            .map(|(_, value)| value.as_str())
    }

    /// Empty where it is not given.
    pub(crate) fn text(&self, key: &str) -> &str {
        let found = self.0.iter().find(|(k, _)| k == key);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.all(key).next().is_some()
    }

    pub(crate) fn address(&self, key: &str) -> Result<SocketAddr, Refused> {
        let text = self.text(key);
        text.parse().map_err(Error::other).step(&format!("{key}={text}"))
    }

    pub(crate) fn number(&self, key: &str) -> Result<i32, Refused> {
        let text = self.text(key);
        text.parse().map_err(Error::other).step(&format!("{key}={text}"))
    }

    /// `ms=`, else a moment that is long enough on one host; `slow=` times as long.
    pub(crate) fn patience(&self) -> Duration {
        let moment = Duration::from_millis(self.text("ms").parse().unwrap_or(1500));
        moment * self.text("slow").parse().unwrap_or(1)
    }
}

// === impl Told ===

impl Told {
    pub(crate) fn went(outcome: impl Into<String>) -> Self {
        Self::Went {
            outcome: outcome.into(),
            effect: None,
        }
    }

    pub(crate) fn proved(outcome: impl Into<String>, effect: impl Into<String>) -> Self {
        Self::Went {
            outcome: outcome.into(),
            effect: Some(effect.into()),
        }
    }

    pub(crate) fn line(&self) -> String {
        match self {
            Self::Went { outcome, effect } => json!({"outcome": outcome, "effect": effect}),
            Self::Refused(Refused { step, error }) => {
                let name = match error.raw_os_error().map(Errno::from_raw) {
                    // What SO_SNDTIMEO and SO_RCVTIMEO end with.
                    Some(Errno::EAGAIN | Errno::EINPROGRESS) => "no answer".to_owned(),
                    Some(errno) => format!("{errno:?}"),
                    None => error.to_string(),
                };
                json!({"outcome": format!("{step}: {name}"), "effect": null})
            }
        }
        .to_string()
    }
}

impl From<Result<Told, Refused>> for Told {
    fn from(result: Result<Told, Refused>) -> Self {
        result.unwrap_or_else(Self::Refused)
    }
}

// === impl Step ===

impl<T, E: Into<Error>> Step<T> for Result<T, E> {
    fn step(self, step: &str) -> Result<T, Refused> {
        self.map_err(|error| Refused {
            step: step.to_owned(),
            error: error.into(),
        })
    }
}
