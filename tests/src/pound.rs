//! Attempts without end, from inside a workload: `cofferdam-probe pound FOLDER NAME STREAM...` tries each stream until
//! the file `stop` lies in FOLDER, and writes what it counted to `FOLDER/NAME.json` again and again.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::probe::{Attempt, PATIENCE};

pub use turn::Turn;

mod turn;

/// What all streams of one workload counted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Attempts, and messages over connections that stay.
    pub attempts: u64,
    /// Attempts that ended otherwise than they must, and connections that were cut.
    pub wrong: u64,
    /// The first of those, in words.
    pub first_wrong: Vec<String>,
    /// The slowest denial in milliseconds.
    pub slowest_denial_ms: f64,
    /// The slowest answer that had to come.
    pub slowest_answer_ms: f64,
    /// Attempts at what some policies allow and others deny, by how many policies may have judged them: one, two, more.
    pub turning: [u64; 3],
}

/// What must come of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// This server answers.
    Answer(String),
    /// Nobody answers.
    Nobody,
    /// An answer or none: the policy changes.
    Either,
    /// This server answers while those policies of the cycle are in force that allow it ([`Turn`]).
    By(String, Vec<bool>),
}

/// One thing that is tried over and over: `KIND,ADDRESS,EXPECT`, where EXPECT is a server's name, `-`, `?`, or `NAME@1001`: it
/// answers under the first and the fourth policy of a cycle.
#[derive(Clone, Debug)]
pub struct Stream {
    /// `tcp`, `udp`, `sendto`, or `flow` and `uflow`: one connection, or one UDP socket, that stays.
    pub kind: String,
    /// Whom to reach.
    pub address: SocketAddr,
    /// What must come of it.
    pub expect: Expect,
}

/// Makes one attempt.
pub type Dial = fn(&str, SocketAddr, Duration) -> Attempt;

/// Rests a little after each attempt: a load, not a flood that starves what it tests.
const REST: Duration = Duration::from_millis(10);
const WRITE_EVERY: Duration = Duration::from_millis(100);
/// How many wrong attempts are kept in words.
const WORDS: usize = 5;

/// Tries all streams, each on a thread of its own, until somebody puts `stop` into the folder.
pub fn run(folder: &Path, name: &str, streams: &[Stream], dial: Dial) -> Result<()> {
    let tally = Mutex::new(Tally::default());
    let stop = folder.join("stop");
    let turn = Turn::open(folder)?;
    thread::scope(|scope| {
        let work = |stream| {
            while !stop.exists() {
                once(stream, dial, turn.as_ref(), &tally, &stop);
                thread::sleep(REST);
            }
        };
        let threads: Vec<_> = streams.iter().map(|s| scope.spawn(move || work(s))).collect();
        println!("ready");
        while threads.iter().any(|t| !t.is_finished()) {
            write(folder, name, &tally)?;
            thread::sleep(WRITE_EVERY);
        }
        write(folder, name, &tally)
    })?;
    // Its presence says that nothing more will come.
    fs::write(folder.join(format!("{name}.done")), "").context("cannot write to the folder of results")
}

/// Another name first: a reader never sees half a file.
fn write(folder: &Path, name: &str, tally: &Mutex<Tally>) -> Result<()> {
    let text = serde_json::to_string(&*tally.lock().unwrap_or_else(PoisonError::into_inner))?;
    let new = folder.join(format!("{name}.new"));
    fs::write(&new, text).context("cannot write to the folder of results")?;
    fs::rename(&new, folder.join(format!("{name}.json"))).context("cannot write to the folder of results")
}

fn once(stream: &Stream, dial: Dial, turn: Option<&Turn>, tally: &Mutex<Tally>, stop: &Path) {
    let ended = match stream.kind.as_str() {
        "flow" => stay(&mut TcpTalk::default(), stream, tally, stop),
        "uflow" => stay(&mut UdpTalk::default(), stream, tally, stop),
        kind => {
            let now = || turn.and_then(|turn| turn.now().ok());
            let before = now();
            let attempt = dial(kind, stream.address, PATIENCE);
            let policies = before.zip(now());
            let must = stream.expect.among(policies);
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.count(&stream.expect, &must, policies, attempt.ms);
            must.judge(&attempt)
                .map(|what| format!("{what}, by the policies {policies:?}"))
        }
    };
    if let Some(what) = ended {
        let Stream { kind, address, .. } = stream;
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.wrong += 1;
        if tally.first_wrong.len() < WORDS {
            let line = format!("{}: {kind} {address}: {what}", clock());
            tally.first_wrong.push(line);
        }
    }
}

/// Seconds of the day with milliseconds, to be compared with the times of other lines.
pub fn clock() -> String {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    format!("{}.{:03}", now.as_secs() % 86_400, now.subsec_millis())
}

/// A conversation over one socket.
trait Talk {
    fn open(&mut self, address: SocketAddr) -> std::io::Result<()>;
    /// Sends this number and takes it back.
    fn turn(&mut self, number: u64) -> std::io::Result<()>;
}

/// Talks until somebody says stop, or the conversation is cut: then it says how.
fn stay(talk: &mut dyn Talk, stream: &Stream, tally: &Mutex<Tally>, stop: &Path) -> Option<String> {
    if let Err(error) = talk.open(stream.address) {
        return Some(format!("not connected: {error}"));
    }
    let start = Instant::now();
    for number in 0_u64.. {
        if stop.exists() {
            break;
        }
        if let Err(error) = talk.turn(number) {
            let lived = start.elapsed().as_millis();
            return Some(format!("cut after {number} messages and {lived} ms: {error}"));
        }
        tally.lock().unwrap_or_else(PoisonError::into_inner).attempts += 1;
        thread::sleep(REST);
    }
    None
}

#[derive(Default)]
struct TcpTalk(Option<TcpStream>);

#[derive(Default)]
struct UdpTalk(Option<UdpSocket>);

// === impl Talk ===

impl Talk for TcpTalk {
    fn open(&mut self, address: SocketAddr) -> std::io::Result<()> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut greeting = [0];
        while greeting != *b"\n" {
            stream.read_exact(&mut greeting)?;
        }
        self.0 = Some(stream);
        Ok(())
    }

    fn turn(&mut self, number: u64) -> std::io::Result<()> {
        let stream = self.0.as_mut().ok_or(std::io::ErrorKind::NotConnected)?;
        stream.write_all(&number.to_be_bytes())?;
        let mut back = [0; 8];
        stream.read_exact(&mut back)?;
        same(number.to_be_bytes() == back)
    }
}

impl Talk for UdpTalk {
    fn open(&mut self, address: SocketAddr) -> std::io::Result<()> {
        let any = if address.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
        let socket = UdpSocket::bind(any)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.connect(address)?;
        self.0 = Some(socket);
        Ok(())
    }

    /// The server answers with its name, whatever it gets.
    fn turn(&mut self, number: u64) -> std::io::Result<()> {
        let socket = self.0.as_ref().ok_or(std::io::ErrorKind::NotConnected)?;
        socket.send(&number.to_be_bytes())?;
        let mut back = [0; 64];
        same(socket.recv(&mut back)? > 0)
    }
}

fn same(it_is: bool) -> std::io::Result<()> {
    if it_is {
        Ok(())
    } else {
        Err(std::io::Error::other("other bytes came back"))
    }
}

// === impl Expect ===

impl Expect {
    /// The same while this part of the cycle passed.
    fn among(&self, policies: Option<(u64, u64)>) -> Self {
        let Self::By(name, allowing) = self else {
            return self.clone();
        };
        let Some((before, after)) = policies else {
            return Self::Either;
        };
        let allowed: Vec<bool> = turn::between(before, after)
            .filter_map(|policy| {
                let at = usize::try_from(policy).ok()?.checked_rem(allowing.len())?;
                allowing.get(at).copied()
            })
            .collect();
        match (allowed.contains(&true), allowed.contains(&false)) {
            (true, false) => Self::Answer(name.clone()),
            (false, true) => Self::Nobody,
            _ => Self::Either,
        }
    }

    /// What is wrong with this attempt, if anything.
    fn judge(&self, attempt: &Attempt) -> Option<String> {
        let right = match self {
            Self::Answer(name) => attempt.answer.as_ref() == Some(name),
            Self::Nobody => attempt.answer.is_none(),
            // A datagram may get in under the old policy and its answer not out under the new one.
            Self::Either | Self::By(..) => true,
        };
        (!right).then(|| match (&attempt.answer, &attempt.error) {
            (Some(answer), _) => format!("{answer} answered"),
            (None, Some(error)) => format!("{error} after {:.0} ms", attempt.ms),
            (None, None) => "no answer".to_string(),
        })
    }
}

// === impl Stream ===

impl FromStr for Stream {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let [kind, address, expect] = text.split(',').collect::<Vec<_>>()[..] else {
            bail!("not KIND,ADDRESS,EXPECT: {text}");
        };
        Ok(Self {
            kind: kind.to_string(),
            address: address.parse()?,
            expect: match expect {
                "-" => Expect::Nobody,
                "?" => Expect::Either,
                name => match name.split_once('@') {
                    Some((name, bits)) => {
                        Expect::By(name.to_string(), bits.chars().map(|b| b == '1').collect())
                    }
                    None => Expect::Answer(name.to_string()),
                },
            },
        })
    }
}

// === impl Tally ===

impl Tally {
    fn count(&mut self, wanted: &Expect, must: &Expect, policies: Option<(u64, u64)>, ms: f64) {
        self.attempts += 1;
        match must {
            Expect::Nobody => self.slowest_denial_ms = self.slowest_denial_ms.max(ms),
            Expect::Answer(_) => self.slowest_answer_ms = self.slowest_answer_ms.max(ms),
            _ => {}
        }
        if let (Expect::By(..), Some((before, after))) = (wanted, policies) {
            let count = turn::between(before, after).count().clamp(1, 3);
            self.turning[count - 1] += 1;
        }
    }

    /// What a workload wrote last.
    pub fn read(folder: &Path, name: &str) -> Result<Self> {
        let path = folder.join(format!("{name}.json"));
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(serde_json::from_str(&text)?)
    }

    /// This and the other together.
    pub fn add(&mut self, other: Self) {
        self.attempts += other.attempts;
        self.wrong += other.wrong;
        self.first_wrong.extend(other.first_wrong);
        self.slowest_denial_ms = self.slowest_denial_ms.max(other.slowest_denial_ms);
        self.slowest_answer_ms = self.slowest_answer_ms.max(other.slowest_answer_ms);
        for (mine, theirs) in self.turning.iter_mut().zip(other.turning) {
            *mine += theirs;
        }
    }
}
