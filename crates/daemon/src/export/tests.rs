//! Queues and threads, with a receiver that does as it is told.

use std::sync::Mutex;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::sink::{QUEUE, Receiver, Refused, Sink};

/// Answers what it is told to, one answer a call, and then takes everything.
struct Scripted {
    answers: mpsc::Receiver<Option<Refused>>,
    taken: Arc<Mutex<Vec<u32>>>,
}

use std::sync::Arc;

impl Receiver for Scripted {
    type Item = u32;

    fn take(&mut self, items: &[u32]) -> Result<(), Refused> {
        let answer = self.answers.recv().unwrap_or(None);
        let count = answer.as_ref().map_or(items.len(), |refused| refused.taken);
        self.taken.lock().unwrap().extend(&items[..count]);
        answer.map_or(Ok(()), Err)
    }
}

type Stage = (Sink<u32>, mpsc::Sender<Option<Refused>>, Arc<Mutex<Vec<u32>>>);

fn stage() -> Stage {
    let (tell, answers) = mpsc::channel();
    let taken = Arc::new(Mutex::new(Vec::new()));
    let receiver = Scripted {
        answers,
        taken: Arc::clone(&taken),
    };
    let sink = Sink::start("export.test", "nowhere".to_owned(), receiver).unwrap();
    (sink, tell, taken)
}

fn until(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "not within 10 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// G-EXPORT: whoever gives never waits, and what there is no room for is counted.
#[test]
fn a_full_queue_drops_and_counts() {
    let (sink, tell, taken) = stage();
    let start = Instant::now();
    let many = u32::try_from(QUEUE).unwrap() * 2;
    (0..many).for_each(|number| sink.give(number));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    let dropped = sink.view().dropped;
    assert!(dropped >= u64::from(many) / 2 - 256, "{dropped}");
    drop(tell);
    until(|| sink.view().waiting == 0);
    let view = sink.view();
    assert_eq!(view.sent + view.dropped, u64::from(many));
    assert_eq!(taken.lock().unwrap().len() as u64, view.sent);
}

/// G-EXPORT: a receiver that was down gets what waited, in order and once; what it refuses for good is left out.
#[test]
fn what_waits_comes_in_order_and_once() {
    let (sink, tell, taken) = stage();
    tell.send(Some(Refused::after(0, "down"))).unwrap();
    (0..5).for_each(|number| sink.give(number));
    until(|| sink.view().error.as_deref() == Some("down"));
    tell.send(Some(Refused::after(2, "down again"))).unwrap();
    let why = "too long".to_owned();
    tell.send(Some(Refused {
        taken: 1,
        lost: 1,
        why,
    }))
    .unwrap();
    drop(tell);
    until(|| sink.view().sent == 4);
    let view = sink.view();
    assert_eq!((view.dropped, view.waiting, view.error), (1, 0, None));
    assert_eq!(*taken.lock().unwrap(), [0, 1, 2, 4]);
}

#[test]
fn the_end_does_not_wait_for_who_is_down() {
    let (mut sink, tell, _) = stage();
    for _ in 0..100 {
        tell.send(Some(Refused::after(0, "down"))).unwrap();
    }
    sink.give(1);
    until(|| sink.view().error.is_some());
    let start = Instant::now();
    sink.end();
    sink.wait(start + Duration::from_secs(5));
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(sink.view().dropped, 1);
}
