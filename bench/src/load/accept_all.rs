//! The smallest packet filter in user space: every packet of the queue is accepted, none is read.

use std::io::Read;

use anyhow::Context;
use nfq::{Queue, Verdict};

/// Serves the queue until stdin ends.
pub(crate) fn run(number: u16) -> anyhow::Result<()> {
    let mut queue = Queue::open().context("cannot open nfnetlink_queue")?;
    queue
        .bind(number)
        .with_context(|| format!("cannot bind queue {number}"))?;
    std::thread::spawn(move || {
        if let Err(error) = accept(&mut queue) {
            eprintln!("cofferdam-bench: {error:#}");
            std::process::exit(2);
        }
    });
    println!("ready");
    let mut line = [0; 64];
    while std::io::stdin().read(&mut line)? > 0 {}
    Ok(())
}

fn accept(queue: &mut Queue) -> anyhow::Result<()> {
    loop {
        let mut message = queue.recv().context("cannot receive a packet")?;
        message.set_verdict(Verdict::Accept);
        queue.verdict(message).context("cannot send a verdict")?;
    }
}
