//! The smallest packet filter in user space: every packet of the queue is accepted, none is read.

use anyhow::Context;
use nfq::{Queue, Verdict};

/// Serves the queue until it is killed.
pub(crate) fn run(number: u16) -> anyhow::Result<()> {
    let mut queue = Queue::open().context("cannot open nfnetlink_queue")?;
    queue
        .bind(number)
        .with_context(|| format!("cannot bind queue {number}"))?;
    println!("ready");
    loop {
        let mut message = queue.recv().context("cannot receive a packet")?;
        message.set_verdict(Verdict::Accept);
        queue.verdict(message).context("cannot send a verdict")?;
    }
}
