//! `cofferdam key`: the age of the key that signs handshakes, and another one at once.

use cofferdam_api::{Key, KeyAnswer};

use crate::args::{KeyArgs, KeyCommand};
use crate::failure::Failure;
use crate::output::Call;
use crate::when;

#[cfg(test)]
mod tests;

/// Shows the key, or rotates it.
pub(crate) fn key(call: &Call, args: &KeyArgs) -> Result<u8, Failure> {
    match args.command {
        KeyCommand::Show => {
            let answer = call.wait(call.client.key())?;
            call.print(&answer, |answer| format!("{}\n", line(&answer.key)))?;
        }
        KeyCommand::Rotate => {
            let answer = call.wait(call.client.rotate_key())?;
            call.print(&answer, rotated)?;
        }
    }
    Ok(crate::OK)
}

/// The key in one line, for `status` too.
pub(crate) fn line(key: &Key) -> String {
    let next = match key.next_in_seconds() {
        None => "the next one comes with `cofferdam key rotate` only".to_owned(),
        Some(0) => "the next one is due".to_owned(),
        Some(seconds) => format!("the next one comes in {}", when::rough(seconds)),
    };
    format!(
        "epoch {}, {} old; {next}",
        key.epoch,
        when::rough(key.age_seconds)
    )
}

fn rotated(answer: &KeyAnswer) -> String {
    format!(
        "rotated: epoch {} signs; what the key before has signed is taken for another minute\n",
        answer.key.epoch
    )
}
