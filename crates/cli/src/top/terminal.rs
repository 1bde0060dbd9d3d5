//! The terminal: taken over, and given back however this ends.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::os::fd::AsFd;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{execute, queue};
use ratatui::{Frame, Terminal};

use crate::failure::Failure;

/// A frame is written at once: a terminal that gets half of one shows it.
const FRAME: usize = 1 << 17;

/// Giving back twice would put the cursor back where it was before what was said in between.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The screen; dropping it gives the terminal back.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
}

// === impl Screen ===

impl Screen {
    pub(super) fn open() -> io::Result<Self> {
        give_back_on_panic();
        TAKEN.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        let screen = execute!(io::stdout(), EnterAlternateScreen).and_then(|()| {
            Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(
                FRAME,
                io::stdout(),
            )))
        });
        match screen {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    /// A frame, which a terminal that knows how to shows at once, however many pieces it comes in.
    pub(super) fn draw(&mut self, frame: impl FnOnce(&mut Frame)) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(frame)?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Whether a screen can be drawn at all.
pub(super) fn check(json: bool) -> Result<(), Failure> {
    if json {
        return Err(
            Failure::new("`top` draws a screen and prints no JSON").hint("`cofferdam flows -f --json`")
        );
    }
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(
            Failure::new("`top` needs a terminal, as input and as output").hint("`cofferdam flows -f`")
        );
    }
    match std::env::var("TERM") {
        Ok(term) if !term.is_empty() && term != "dumb" => Ok(()),
        _ => Err(
            Failure::new("this terminal cannot show a screen (`TERM` is `dumb` or not set)")
                .hint("`cofferdam flows -f`"),
        ),
    }
}

/// Waits for a key, another size or the time; an error where the terminal was closed: the library would read its end for
/// ever.
pub(super) fn wait(time: Duration) -> io::Result<()> {
    let input = io::stdin();
    let mut polled = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
    let time = PollTimeout::try_from(time).unwrap_or(PollTimeout::ZERO);
    match poll(&mut polled, time) {
        // Another size is told by a signal.
        Ok(_) | Err(Errno::EINTR) => {}
        Err(error) => return Err(error.into()),
    }
    let closed = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
    match polled[0].revents() {
        Some(events) if events.intersects(closed) => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// What a broken program says belongs on the screen that stays.
fn give_back_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            give_back();
            before(info);
        }));
    });
}

/// A terminal that has gone takes nothing back.
pub(super) fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
    let _ = io::stdout().flush();
    let _ = disable_raw_mode();
}
