//! What a peer process does: `tcp-serve IP[:PORT]`, `mptcp-serve IP[:PORT]`, `shared-serve IP[:PORT]` (SO_REUSEPORT),
//! `udp-serve IP[:PORT]`, `tcp ADDRESS`, `tcp-many SECONDS ADDRESS`, `tcp-from SOURCE ADDRESS`,
//! `udp ADDRESS`, `udp-flood COUNT ADDRESS`, `udp-connected ADDRESS`, `udp-from SOURCE ADDRESS`, and what odd.rs and host.rs
//! have.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use serde_json::json;
use socket2::{Domain, Protocol, Socket, Type};

pub(crate) const WORDS: &str = "COFFERDAM_PEER";

#[derive(Debug)]
pub(crate) struct Outcome {
    pub ok: bool,
    pub errno: i64,
    pub micros: u64,
    /// Segments that the client had to send again.
    pub resent: u64,
}

impl Outcome {
    pub(crate) fn denied(&self) -> bool {
        !self.ok && self.errno == i64::from(nix::libc::EPERM)
    }

    /// The port is somebody else's.
    #[allow(dead_code, reason = "not every test binary binds")]
    pub(crate) fn is_taken(&self) -> bool {
        !self.ok && self.errno == i64::from(nix::libc::EADDRINUSE)
    }

    pub(crate) fn denied_at_once(&self) -> bool {
        self.denied() && self.at_once()
    }

    pub(crate) fn at_once(&self) -> bool {
        self.micros < 100_000 * u64::from(slowness())
    }
}

/// How many times slower than hardware this machine may be: `COFFERDAM_SLOW` under emulation, else 1.
pub(crate) fn slowness() -> u32 {
    std::env::var("COFFERDAM_SLOW").map_or(1, |n| n.parse().unwrap())
}

/// How long somebody waits for an answer that may never come.
pub(crate) fn patience() -> Duration {
    Duration::from_millis(500) * slowness()
}

impl<'de> serde::Deserialize<'de> for Outcome {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let v = serde_json::Value::deserialize(d)?;
        Ok(Self {
            ok: v["ok"].as_bool().unwrap_or_default(),
            errno: v["errno"].as_i64().unwrap_or_default(),
            micros: v["micros"].as_u64().unwrap_or_default(),
            resent: v["resent"].as_u64().unwrap_or_default(),
        })
    }
}

pub(crate) fn play(words: &str) {
    let words: Vec<&str> = words.split(' ').collect();
    match words[..] {
        ["tcp-serve", ip] => accept(&TcpListener::bind(at(ip)).unwrap()),
        ["mptcp-serve", ip] => accept(&listen(ip, &[Protocol::MPTCP, Protocol::TCP]).unwrap()),
        ["shared-serve", ip] => accept(&listen(ip, &[Protocol::TCP]).unwrap()),
        ["shared", ip] => report(|| listen(ip, &[Protocol::TCP]).map(drop)),
        ["udp-serve", ip] => udp_serve(ip, Duration::ZERO),
        ["udp-late-serve", ip] => udp_serve(ip, Duration::from_millis(100)),
        ["tcp", to] => report(|| tcp(to)),
        ["tcp-many", seconds, to] => many(seconds.parse().unwrap(), 4, to, |to, _| tcp(to)),
        ["echo-serve", ip] => echo_serve(&listen(ip, &[Protocol::TCP]).unwrap()),
        ["echo-many", seconds, to] => many(seconds.parse().unwrap(), 12, to, |to, n| {
            echo(to, Duration::from_millis(n % 17))
        }),
        ["hold-udp", ip] => hold(vec![shared_udp(at(ip)).unwrap()]),
        ["hold-raw"] => hold(vec![raw().unwrap()]),
        ["hold-listener", ip] => hold(vec![listen(ip, &[Protocol::TCP]).unwrap().into()]),
        ["hold-streams", count] => hold((0..count.parse().unwrap()).map(|_| stream().unwrap()).collect()),
        ["hold-new", kind, count] => hold((0..count.parse().unwrap()).map(|_| new_socket(kind)).collect()),
        ["fast-serve", ip] => accept(&fast_open(TcpListener::bind(at(ip)).unwrap())),
        ["forgetful-serve", ip] => forget(&TcpListener::bind(at(ip)).unwrap()),
        ["forgotten", to] => report(|| forgotten(to)),
        ["fast", to] => report(|| fast(to)),
        ["fast-once", to] => report(|| fast_once(to)),
        ["tcp-from", from, to] => report(|| tcp_from(from, to)),
        ["udp-flood", count, to] => report(|| flood(count.parse().unwrap(), to)),
        ["udp", to] => report(|| udp(unspecified(to), to, false)),
        ["udp-connected", to] => report(|| udp(unspecified(to), to, true)),
        ["udp-from", from, to] => report(|| udp(from, to, false)),
        ["odd-serve", flags, ip] => super::odd::serve(flags, at(ip)),
        ["odd", flags, to] => report_with(|| super::odd::ask(flags, to.parse().unwrap())),
        ["raw-serve", protocol, ip] => super::odd::raw_serve(protocol.parse().unwrap(), at(ip)),
        ["raw", protocol, to] => report(|| super::odd::raw(protocol.parse().unwrap(), to.parse().unwrap())),
        ["udp-group", group, from] => report(|| super::odd::group(group, from)),
        ["make", domain, kind, protocol] => report(|| {
            let number = |word: &str| word.parse().unwrap();
            super::host::make(number(domain), number(kind), number(protocol))
        }),
        ["overhear", protocol, port] => {
            report(|| super::host::overhear(protocol.parse().unwrap(), port.parse().unwrap()))
        }
        ["bind-udp", ip] => report(|| UdpSocket::bind(at(ip)).map(drop)),
        ["sysctl", path, value] => report(|| std::fs::write(path, value)),
        ["name-serve", name] => super::host::serve_name(name),
        ["name", name] => report(|| super::host::connect_name(name)),
        ["name-send", name] => report(|| super::host::send_name(name)),
        ["mirror", listen, connect] => report(|| super::host::mirror(listen, connect)),
        ["mirror-udp", listen, connect] => report(|| super::host::mirror_datagrams(listen, connect)),
        _ => panic!("unknown words {words:?}"),
    }
}

fn report(act: impl FnOnce() -> std::io::Result<()>) {
    report_with(|| act().map(|()| 0));
}

fn report_with(act: impl FnOnce() -> std::io::Result<u32>) {
    let start = Instant::now();
    let done = act();
    let micros = start.elapsed().as_micros();
    let errno = done
        .as_ref()
        .err()
        .and_then(std::io::Error::raw_os_error)
        .unwrap_or_default();
    println!(
        "\noutcome {}",
        json!({"ok": done.is_ok(), "errno": errno, "micros": u64::try_from(micros).unwrap(),
            "resent": done.unwrap_or_default()})
    );
}

fn at(ip: &str) -> SocketAddr {
    ip.parse()
        .unwrap_or_else(|_| SocketAddr::new(ip.parse().unwrap(), 0))
}

/// With the first of these protocols that the kernel gives, as Go's servers do.
fn listen(ip: &str, protocols: &[Protocol]) -> std::io::Result<TcpListener> {
    let at = at(ip);
    let made = protocols
        .iter()
        .map(|protocol| Socket::new(Domain::for_address(at), Type::STREAM, Some(*protocol)))
        .find_map(Result::ok);
    let socket = made.ok_or(ErrorKind::Unsupported)?;
    if protocols.len() == 1 {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&at.into())?;
    socket.listen(8)?;
    Ok(socket.into())
}

/// A socket on which whole IPv4 packets are written.
fn raw() -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255)))?;
    socket.set_header_included_v4(true)?;
    Ok(socket)
}

/// A datagram socket whose port others may take too.
fn shared_udp(at: SocketAddr) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&at.into())?;
    Ok(socket)
}

fn stream() -> std::io::Result<Socket> {
    Socket::new(Domain::IPV4, Type::STREAM, None)
}

/// `tcp4`, `tcp6`, `udp4`, `udp6`: neither bound nor connected.
fn new_socket(kind: &str) -> Socket {
    let (domain, protocol) = match kind {
        "tcp4" => (Domain::IPV4, Type::STREAM),
        "tcp6" => (Domain::IPV6, Type::STREAM),
        "udp4" => (Domain::IPV4, Type::DGRAM),
        "udp6" => (Domain::IPV6, Type::DGRAM),
        _ => panic!("unknown kind {kind}"),
    };
    Socket::new(domain, protocol, None).unwrap()
}

/// Says which descriptors they are, and keeps them until the test has taken them.
fn hold(sockets: Vec<Socket>) {
    let numbers: Vec<String> = sockets.iter().map(|s| s.as_raw_fd().to_string()).collect();
    println!("\nholding {}", numbers.join(" "));
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

fn accept(listener: &TcpListener) {
    println!("\nlistening {}", listener.local_addr().unwrap());
    for stream in listener.incoming().flatten() {
        let mut stream = stream;
        stream.write_all(b"x").ok();
    }
}

/// Answers, and loses the connection without a word, as a host does that is switched off and on again.
fn forget(listener: &TcpListener) {
    println!("\nlistening {}", listener.local_addr().unwrap());
    for stream in listener.incoming().flatten() {
        let mut stream = stream;
        stream.write_all(b"x").ok();
        option(&stream, nix::libc::TCP_REPAIR, 1);
    }
}

/// Goes on talking after the server has forgotten: `ok` once the kernel has said so, with a reset.
fn forgotten(to: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&to.parse().unwrap(), Duration::from_secs(2))?;
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    stream.set_read_timeout(Some(Duration::from_millis(50)))?;
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        let talk = stream.write_all(b"y").and_then(|()| stream.read(&mut byte));
        match talk.map_err(|e| e.kind()) {
            Err(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => return Ok(()),
            Err(ErrorKind::WouldBlock) => {}
            other => panic!("{other:?}"),
        }
    }
    Err(std::io::Error::from_raw_os_error(nix::libc::ETIMEDOUT))
}

fn udp_serve(ip: &str, after: Duration) {
    let socket = UdpSocket::bind(at(ip)).unwrap();
    println!("\nlistening {}", socket.local_addr().unwrap());
    let mut buffer = [0; 64];
    while let Ok((n, from)) = socket.recv_from(&mut buffer) {
        std::thread::sleep(after);
        // A denial of the answer is part of what is tested.
        socket.send_to(&buffer[..n], from).ok();
    }
}

fn tcp(to: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&to.parse().unwrap(), Duration::from_secs(2))?;
    let mut byte = [0];
    stream.read_exact(&mut byte)
}

/// Connections one after the other from each of some threads; `micros` is how many there were. Ends at the first that fails.
fn many(seconds: u64, threads: u64, to: &str, one: fn(&str, u64) -> std::io::Result<()>) {
    let end = Instant::now() + Duration::from_secs(seconds);
    let threads: Vec<_> = (0..threads)
        .map(|n| {
            let to = to.to_owned();
            std::thread::spawn(move || {
                let mut count = 0_u64;
                while Instant::now() < end {
                    if let Err(error) = one(&to, count + n) {
                        return (count, error.raw_os_error().unwrap_or(-1));
                    }
                    count += 1;
                }
                (count, 0)
            })
        })
        .collect();
    let done: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    let errno = done.iter().map(|(_, errno)| *errno).find(|errno| *errno != 0);
    let count: u64 = done.iter().map(|(count, _)| count).sum();
    println!(
        "\noutcome {}",
        json!({"ok": errno.is_none(), "errno": errno.unwrap_or_default(), "micros": count})
    );
}

fn echo_serve(listener: &TcpListener) {
    println!("\nlistening {}", listener.local_addr().unwrap());
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
    }
}

fn echo(to: &str, pause: Duration) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&to.parse().unwrap(), Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    for _ in 0..3 {
        stream.write_all(b"x")?;
        stream.read_exact(&mut [0])?;
        std::thread::sleep(pause);
    }
    Ok(())
}

/// Strangers from elsewhere are dropped, not refused, so they do not wait long.
fn tcp_from(from: &str, to: &str) -> std::io::Result<()> {
    let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.bind(&from.into())?;
    socket.connect_timeout(&to.into(), patience())?;
    let mut byte = [0];
    TcpStream::from(socket).read_exact(&mut byte)
}

/// Denied sends, and nothing else.
fn flood(count: usize, to: &str) -> std::io::Result<()> {
    let socket = UdpSocket::bind(unspecified(to))?;
    for _ in 0..count {
        socket.send_to(b"x", to).unwrap_err();
    }
    Ok(())
}

pub(crate) fn fast_open(listener: TcpListener) -> TcpListener {
    option(&listener, nix::libc::TCP_FASTOPEN, 16);
    listener
}

pub(crate) fn option(socket: &impl AsRawFd, name: i32, value: i32) {
    // SAFETY: the value is an int, as both options want it.
    let done = unsafe {
        nix::libc::setsockopt(
            socket.as_raw_fd(),
            nix::libc::IPPROTO_TCP,
            name,
            std::ptr::from_ref(&value).cast(),
            4,
        )
    };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

/// Data in the SYN, twice: the first time for the cookie. Falls back to a plain connect, as clients do.
fn fast(to: &str) -> std::io::Result<()> {
    let to: SocketAddr = to.parse().unwrap();
    for _ in 0..2 {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        match socket.send_to_with_flags(b"x", &to.into(), nix::libc::MSG_FASTOPEN) {
            Err(e) if e.raw_os_error() == Some(nix::libc::EOPNOTSUPP) => socket.connect(&to.into())?,
            sent => drop(sent?),
        }
        let mut byte = [0];
        TcpStream::from(socket).read_exact(&mut byte)?;
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        option(&socket, nix::libc::TCP_FASTOPEN_CONNECT, 1);
        socket.connect(&to.into())?;
        let mut stream = TcpStream::from(socket);
        stream.write_all(b"x")?;
        stream.read_exact(&mut byte)?;
    }
    Ok(())
}

/// One SYN with data, with a cookie from before; waits for an answer for half a second.
fn fast_once(to: &str) -> std::io::Result<()> {
    let to: SocketAddr = to.parse().unwrap();
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.set_read_timeout(Some(Duration::from_millis(500)))?;
    socket.set_write_timeout(Some(Duration::from_millis(500)))?;
    socket.send_to_with_flags(b"x", &to.into(), nix::libc::MSG_FASTOPEN)?;
    let mut byte = [0];
    TcpStream::from(socket).read_exact(&mut byte)
}

fn unspecified(to: &str) -> &'static str {
    if to.starts_with('[') {
        "[::]:0"
    } else {
        "0.0.0.0:0"
    }
}

fn udp(from: &str, to: &str, connected: bool) -> std::io::Result<()> {
    let socket = UdpSocket::bind(from)?;
    socket.set_read_timeout(Some(patience()))?;
    if connected {
        socket.connect(to)?;
        socket.send(b"x")?;
    } else {
        socket.send_to(b"x", to)?;
    }
    let mut buffer = [0; 64];
    socket.recv(&mut buffer).map(drop).map_err(|e| match e.kind() {
        ErrorKind::WouldBlock => std::io::Error::from_raw_os_error(nix::libc::ETIMEDOUT),
        _ => e,
    })
}
