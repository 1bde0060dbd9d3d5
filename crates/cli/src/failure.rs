//! How a command fails: one line, a hint, an exit code.

use std::io;

use cofferdam_api::ClientError;

use crate::ERROR;

/// Exit code of `run` where it could not even try: no daemon, or the daemon refuses.
pub(crate) const RUN_REFUSED: u8 = 125;
/// Exit code of `run` where the command cannot be executed.
pub(crate) const RUN_NOT_EXECUTABLE: u8 = 126;
/// Exit code of `run` where the command does not exist.
pub(crate) const RUN_NOT_FOUND: u8 = 127;

/// Why a command ends early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    code: u8,
    /// Empty: nothing is printed.
    message: String,
    hint: Option<String>,
}

// === impl Failure ===

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            code: ERROR,
            message: message.into(),
            hint: None,
        }
    }

    /// Ends with `code` and prints nothing: whoever it is for has been told, or is gone.
    pub(crate) fn silent(code: u8) -> Self {
        Self {
            code,
            message: String::new(),
            hint: None,
        }
    }

    /// What went wrong, without the hint.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    pub(crate) fn code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// Prints it to stderr and returns the exit code.
    pub(crate) fn report(&self) -> u8 {
        if !self.message.is_empty() {
            crate::output::complain("error", anstyle::AnsiColor::Red, &self.message);
        }
        if let Some(hint) = &self.hint {
            crate::output::complain("hint", anstyle::AnsiColor::Cyan, hint);
        }
        self.code
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::new(error.to_string()).maybe_hint(error.hint())
    }
}

impl From<cofferdam_daemon::Error> for Failure {
    fn from(error: cofferdam_daemon::Error) -> Self {
        Self::new(error.to_string()).maybe_hint(error.hint())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // `cofferdam flows | head` is no error.
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::silent(crate::OK);
        }
        Self::new(format!("cannot write the answer: {error}"))
    }
}

#[cfg(test)]
impl Failure {
    /// Message, hint, exit code.
    pub(crate) fn parts(&self) -> (&str, Option<&str>, u8) {
        (&self.message, self.hint.as_deref(), self.code)
    }

    /// The same, owned.
    pub(crate) fn owned_parts(self) -> (String, Option<String>, u8) {
        (self.message, self.hint, self.code)
    }
}
