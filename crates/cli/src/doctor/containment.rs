//! The table of what is kept from a workload on the host's network.

use cofferdam_policy::containment::{State, Stop};

use crate::output::{BAD, FAINT, GOOD, ODD, STRONG, styled};

/// Columns of what it is about, and of a state.
const WHAT: usize = 26;
const STATE: usize = 11;

/// A row, and below it what stops that and what to change.
pub(super) fn text(rows: &[Stop]) -> String {
    let head = format!(
        "{:<WHAT$} {:<STATE$} {:<STATE$} {:<STATE$}",
        "ON THE HOST'S NETWORK", "DEFAULT", "STRICT", "STRICT RUN"
    );
    let mut text = format!("\n{}\n", styled(STRONG, head.trim_end()));
    for row in rows {
        let states = [row.default, row.strict, row.run_strict].map(state);
        text.push_str(&format!("{:<WHAT$} {}\n", row.title, states.join(" ")));
        text.push_str(&format!("  {} {}\n", styled(FAINT, "by:"), row.by));
        if let Some(change) = &row.change {
            text.push_str(&format!("  {} {change}\n", styled(FAINT, "to change it:")));
        }
    }
    text
}

fn state(state: State) -> String {
    let style = match state {
        State::Stopped => GOOD,
        State::Seen | State::NotApplied => ODD,
        State::Open => BAD,
    };
    styled(style, format_args!("{:<STATE$}", state.name()))
}
