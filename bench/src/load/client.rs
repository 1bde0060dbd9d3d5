//! The client: one measurement a line.
//!
//! Times are taken around the socket calls only; a batch answers with its median, so that one preemption or one
//! interrupt does not move it.

use std::io::{BufRead, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType, connect,
    recvmsg, socket_with,
};

use super::clock;

/// Bytes of a write of the bulk measurement.
const BULK_WRITE: usize = 128 * 1024;

/// Connections that the rate measurement has open at a time: enough that neither core waits for the other.
const AT_A_TIME: u32 = 16;

/// How long an answer may take: none is lost on a path without a queue.
const LOST: Duration = Duration::from_secs(5);

/// What the server told: its ports, and the listener that it lent.
struct Server {
    lent: TcpListener,
    lent_address: SocketAddrV4,
    greeter: SocketAddrV4,
    echo: SocketAddrV4,
    sink: SocketAddrV4,
    responder: SocketAddrV4,
    bin: SocketAddrV4,
}

/// Answers lines of stdin until it ends. `address` is the server's.
pub(crate) fn run(control: &Path, address: Ipv4Addr) -> anyhow::Result<()> {
    let server = Server::ask(control, address)?;
    let mut out = std::io::stdout();
    writeln!(out, "ready")?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let Some((measure, size)) = line.split_once(' ') else {
            bail!("not `MEASURE SIZE`: {line}")
        };
        let size: u32 = size.parse().with_context(|| format!("not a size: {size}"))?;
        let value = match measure {
            "connect" => connects(server.greeter, size)?,
            "handshake" => handshakes(&server, size)?,
            "rate" => rate(server.greeter, size)?,
            "sustained" => sustained(server.greeter, size)?,
            "ping" => ping(server.echo, size)?,
            "bulk" => bulk(server.sink, size)?,
            "exchange" => exchanges(server.responder, size)?,
            "send" => send(server.bin, size)?,
            other => bail!("no such measure: {other}"),
        };
        writeln!(out, "{value}")?;
        out.flush()?;
    }
    Ok(())
}

// === impl Server ===

impl Server {
    fn ask(control: &Path, address: Ipv4Addr) -> anyhow::Result<Self> {
        let door = UnixStream::connect(control)
            .with_context(|| format!("cannot reach the server at {}", control.display()))?;
        let mut text = [0; 64];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut extra = RecvAncillaryBuffer::new(&mut space);
        let got = recvmsg(
            &door,
            &mut [IoSliceMut::new(&mut text)],
            &mut extra,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        let lent = extra.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        let lent = TcpListener::from(lent.context("the server lent no listener")?);
        let text = std::str::from_utf8(&text[..got.bytes])?;
        let ports: Vec<u16> = text.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let &[lent_port, greeter, echo, sink, responder, bin] = ports.as_slice() else {
            bail!("not six ports: {text}")
        };
        let local = |port| SocketAddrV4::new(address, port);
        Ok(Self {
            lent,
            lent_address: local(lent_port),
            greeter: local(greeter),
            echo: local(echo),
            sink: local(sink),
            responder: local(responder),
            bin: local(bin),
        })
    }
}

/// Median nanoseconds from the client's connect to the return of the server's accept, of `count` connections.
fn connects(greeter: SocketAddrV4, count: u32) -> anyhow::Result<u64> {
    let mut times = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let near = socket()?;
        let start = clock::now();
        connect(&near, &greeter).context("cannot connect to the greeter")?;
        times.push(greeting(&mut TcpStream::from(near))?.saturating_sub(start));
    }
    Ok(median(&mut times))
}

/// Median nanoseconds of connect and accept by one thread, of `count` connections.
fn handshakes(server: &Server, count: u32) -> anyhow::Result<u64> {
    let mut times = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let near = socket()?;
        let start = clock::now();
        connect(&near, &server.lent_address).context("cannot connect to the lent listener")?;
        let far = server.lent.accept()?;
        times.push(clock::now() - start);
        drop((near, far));
    }
    Ok(median(&mut times))
}

/// Connections a second over `milliseconds`, from socket to both closes.
fn rate(greeter: SocketAddrV4, milliseconds: u32) -> anyhow::Result<u64> {
    let groups = each_second(milliseconds, 1, || group(greeter))?;
    Ok(groups * u64::from(AT_A_TIME))
}

/// The same, but all of the time counts: also what a daemon takes from these cores for its records.
fn sustained(greeter: SocketAddrV4, milliseconds: u32) -> anyhow::Result<u64> {
    let limit = Duration::from_millis(milliseconds.into());
    let start = Instant::now();
    let mut made = 0;
    while start.elapsed() < limit {
        group(greeter)?;
        made += u128::from(AT_A_TIME);
    }
    Ok(u64::try_from(made * 1_000_000_000 / start.elapsed().as_nanos())?)
}

/// Connections that are open together, and closed.
fn group(greeter: SocketAddrV4) -> anyhow::Result<()> {
    let mut open = Vec::with_capacity(AT_A_TIME as usize);
    for _ in 0..AT_A_TIME {
        let near = socket()?;
        connect(&near, &greeter).context("cannot connect to the greeter")?;
        open.push(TcpStream::from(near));
    }
    open.drain(..)
        .try_for_each(|mut stream| greeting(&mut stream).map(drop))
}

fn socket() -> rustix::io::Result<OwnedFd> {
    socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
}

fn greeting(stream: &mut TcpStream) -> anyhow::Result<u64> {
    let mut bytes = [0; 8];
    stream.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// One-byte requests and responses a second over `milliseconds`, on one connection.
fn ping(echo: SocketAddrV4, milliseconds: u32) -> anyhow::Result<u64> {
    let mut stream = TcpStream::connect(echo)?;
    stream.set_nodelay(true)?;
    let mut byte = [7];
    each_second(milliseconds, 20, || {
        stream.write_all(&byte)?;
        stream.read_exact(&mut byte)?;
        Ok(())
    })
}

/// Bytes a second that the sink received over `milliseconds`, on one connection.
fn bulk(sink: SocketAddrV4, milliseconds: u32) -> anyhow::Result<u64> {
    let mut stream = TcpStream::connect(sink)?;
    let bytes = vec![7; BULK_WRITE];
    let limit = Duration::from_millis(milliseconds.into());
    let start = Instant::now();
    while start.elapsed() < limit {
        stream.write_all(&bytes)?;
    }
    stream.shutdown(Shutdown::Write)?;
    let mut total = [0; 8];
    stream.read_exact(&mut total)?;
    let time = start.elapsed().as_nanos();
    Ok(u64::try_from(
        u128::from(u64::from_le_bytes(total)) * 1_000_000_000 / time,
    )?)
}

/// Median nanoseconds from a datagram to its answer, of `count`, on one connected socket.
fn exchanges(responder: SocketAddrV4, count: u32) -> anyhow::Result<u64> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket
        .connect(responder)
        .context("cannot connect to the responder")?;
    socket.set_read_timeout(Some(LOST))?;
    let mut times = Vec::with_capacity(count as usize);
    let mut byte = [7];
    for _ in 0..count {
        let start = clock::now();
        socket.send(&byte).context("cannot send to the responder")?;
        socket.recv(&mut byte).context("the responder does not answer")?;
        times.push(clock::now() - start);
    }
    Ok(median(&mut times))
}

/// Datagrams a second over `milliseconds`, each with its address, from one socket. Whether the receiver's queue has room
/// for all of them is not asked: both programs have run before the kernel looks.
fn send(bin: SocketAddrV4, milliseconds: u32) -> anyhow::Result<u64> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    each_second(milliseconds, 50, || {
        socket.send_to(&[7], bin).context("cannot send to the bin")?;
        Ok(())
    })
}

/// Repetitions a second: the median over slices of `slice` repetitions each.
fn each_second(
    milliseconds: u32,
    slice: u32,
    mut once: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    let limit = Duration::from_millis(milliseconds.into());
    let mut slices = Vec::new();
    let start = Instant::now();
    while start.elapsed() < limit {
        let begin = Instant::now();
        for _ in 0..slice {
            once()?;
        }
        slices.push(u64::try_from(begin.elapsed().as_nanos())?);
    }
    Ok(u64::from(slice) * 1_000_000_000 / median(&mut slices).max(1))
}

fn median(values: &mut [u64]) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}
