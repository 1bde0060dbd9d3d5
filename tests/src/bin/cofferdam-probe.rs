//! A small peer for the labs: serves, connects, and says in JSON how an attempt ended and how long it took.
//!
//!     cofferdam-probe serve NAME tcp|udp|multicast ADDRESS | hold ADDRESS | hold-udp ADDRESS
//!     cofferdam-probe try tcp|http|postgres|udp|sendto ADDRESS COUNT TIMEOUT_MS | reach TIMEOUT_MS ADDRESS...
//!     cofferdam-probe burst ADDRESS COUNT AT_A_TIME | pound FOLDER NAME KIND,ADDRESS,EXPECT...
//!     cofferdam-probe mirror tcp|udp LISTEN CONNECT | bind tcp|udp ADDRESS | touch NAME | names NAME | name NAME

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cofferdam_tests::pound;
use cofferdam_tests::probe::{Attempt, Attempts, Burst, EPERM};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["serve", name, "tcp", address] => serve_tcp(name, address.parse()?),
        ["serve", name, "udp", address] => serve_udp(name, bind(address.parse()?)?),
        ["serve", name, "multicast", group] => serve_udp(name, join(group.parse()?)?),
        ["try", kind, address, count, timeout] => {
            let timeout = Duration::from_millis(timeout.parse()?);
            let mut all = Attempts::default();
            for _ in 0..count.parse::<u32>()? {
                all.attempts.push(attempt(kind, address.parse()?, timeout));
            }
            println!("{}", serde_json::to_string(&all)?);
            Ok(())
        }
        ["burst", address, count, at_a_time] => burst(address.parse()?, count.parse()?, at_a_time.parse()?),
        ["touch", name] => touch(name),
        ["bind", protocol, address] => {
            let bound = match *protocol {
                "tcp" => TcpListener::bind(*address).map(drop),
                _ => UdpSocket::bind(*address).map(drop),
            };
            say_errno(bound)
        }
        ["names", name] => serve_names(name),
        ["name", name] => call_name(name),
        ["mirror", "tcp", listen, connect] => mirror_tcp(listen.parse()?, connect.parse()?),
        ["mirror", "udp", listen, connect] => mirror_udp(listen.parse()?, connect.parse()?),
        ["reach", timeout, addresses @ ..] => reach(Duration::from_millis(timeout.parse()?), addresses),
        ["hold", address] => hold(address.parse()?),
        ["hold-udp", address] => hold_udp(address.parse()?),
        ["pound", folder, name, streams @ ..] => {
            let streams: Vec<_> = streams.iter().map(|s| s.parse()).collect::<Result<_>>()?;
            pound::run(folder.as_ref(), name, &streams, attempt)
        }
        _ => bail!(
            "usage: serve NAME tcp|udp|multicast ADDRESS, try tcp|http|postgres|udp|sendto ADDRESS COUNT TIMEOUT_MS, burst ADDRESS COUNT AT_A_TIME, touch ABSTRACT_NAME, mirror tcp|udp LISTEN CONNECT, bind tcp|udp ADDRESS, names ABSTRACT_NAME, name ABSTRACT_NAME, reach TIMEOUT_MS ADDRESS..., hold ADDRESS, hold-udp ADDRESS, pound FOLDER NAME KIND,ADDRESS,EXPECT..."
        ),
    }
}

/// Greets with its name, then echoes.
fn serve_tcp(name: &str, address: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    println!("ready");
    for stream in listener.incoming() {
        let greeting = format!("{name}\n");
        thread::spawn(move || -> std::io::Result<u64> {
            let mut stream = stream?;
            stream.write_all(greeting.as_bytes())?;
            let mut from = stream.try_clone()?;
            std::io::copy(&mut from, &mut stream)
        });
    }
    Ok(())
}

fn bind(address: SocketAddr) -> Result<UdpSocket> {
    UdpSocket::bind(address).with_context(|| format!("cannot bind {address}"))
}

/// A socket that hears a multicast group, as mDNS and SSDP responders do.
fn join(group: SocketAddrV4) -> Result<UdpSocket> {
    let socket = bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, group.port())))?;
    socket
        .join_multicast_v4(group.ip(), &Ipv4Addr::UNSPECIFIED)
        .with_context(|| format!("cannot join {group}"))?;
    Ok(socket)
}

/// Answers every datagram with its name.
fn serve_udp(name: &str, socket: UdpSocket) -> Result<()> {
    println!("ready");
    let mut bytes = [0; 2048];
    loop {
        // A client that has gone shows here as an error of the next call.
        if let Ok((_, from)) = socket.recv_from(&mut bytes) {
            let _ = socket.send_to(name.as_bytes(), from);
        }
    }
}

/// A raw socket, and an abstract one that is connected to.
fn touch(name: &str) -> Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

    use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

    let protocol = SockProtocol::Icmp;
    socket(AddressFamily::Inet, SockType::Raw, SockFlag::empty(), protocol).context("no raw socket")?;
    let address = SocketAddr::from_abstract_name(name)?;
    let _listener = UnixListener::bind_addr(&address).context("no abstract socket")?;
    UnixStream::connect_addr(&address).context("no connection to an abstract socket")?;
    Ok(())
}

/// 0 where it was done.
fn say_errno(done: std::io::Result<()>) -> Result<()> {
    let errno = done.err().map_or(0, |error| error.raw_os_error().unwrap_or(-1));
    println!("{errno}");
    Ok(())
}

/// Listens on an abstract name, for streams and for datagrams.
fn serve_names(name: &str) -> Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};

    let address = SocketAddr::from_abstract_name(name)?;
    let listener = UnixListener::bind_addr(&address)?;
    let _datagrams = UnixDatagram::bind_addr(&address)?;
    println!("ready");
    for stream in listener.incoming() {
        drop(stream);
    }
    Ok(())
}

/// Connects and sends to an abstract name: both errnos.
fn call_name(name: &str) -> Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};

    let address = SocketAddr::from_abstract_name(name)?;
    let datagram = UnixDatagram::unbound()?;
    say_errno(UnixStream::connect_addr(&address).map(drop))?;
    say_errno(datagram.send_to_addr(b"ask", &address).map(drop))
}

/// A process that talks to itself: the addresses that it is told on the way.
fn mirror_tcp(listen: SocketAddr, connect: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind(listen).with_context(|| format!("cannot listen on {listen}"))?;
    let client = TcpStream::connect(connect).with_context(|| format!("cannot connect to {connect}"))?;
    let (server, from) = listener.accept()?;
    let told = serde_json::json!({
        "bound": listener.local_addr()?,
        "peer": client.peer_addr()?,
        "accepted": from.ip(),
        "accepted_local": server.local_addr()?,
        "same_port": from.port() == client.local_addr()?.port(),
        "own": client.local_addr()?.ip(),
    });
    println!("{told}");
    Ok(())
}

fn mirror_udp(listen: SocketAddr, connect: SocketAddr) -> Result<()> {
    let server = bind(listen)?;
    let any = if connect.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let (loose, connected) = (bind(any.parse()?)?, bind(any.parse()?)?);
    for socket in [&server, &loose, &connected] {
        socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    }
    let mut bytes = [0; 16];
    loose.send_to(b"ask", connect)?;
    let (_, asked) = server.recv_from(&mut bytes).context("no question")?;
    server.send_to(b"answer", asked)?;
    let (_, answered) = loose.recv_from(&mut bytes).context("no answer")?;
    connected.connect(connect)?;
    connected.send(b"ask")?;
    let (_, again) = server.recv_from(&mut bytes).context("no second question")?;
    server.send_to(b"answer", again)?;
    connected.recv(&mut bytes).context("no second answer")?;
    let told = serde_json::json!({
        "bound": server.local_addr()?,
        "asked": asked.ip(),
        "answered": answered,
        "peer": connected.peer_addr()?,
    });
    println!("{told}");
    Ok(())
}

/// So many new connections as fast as they go.
fn burst(address: SocketAddr, count: u32, at_a_time: u32) -> Result<()> {
    let share = |thread: u32| (count + thread) / at_a_time.max(1);
    let sum = thread::scope(|scope| {
        let all: Vec<_> = (0..at_a_time)
            .map(|thread| scope.spawn(move || burst_of(address, share(thread))))
            .collect();
        let ended = all.into_iter().map(thread::ScopedJoinHandle::join);
        ended.collect::<Result<Vec<_>, _>>()
    });
    let Ok(bursts) = sum else {
        bail!("a connection panicked")
    };
    let mut sum = Burst::default();
    for one in bursts {
        sum.answered += one.answered;
        sum.refused += one.refused;
        sum.other += one.other;
    }
    println!("{}", serde_json::to_string(&sum)?);
    Ok(())
}

fn burst_of(address: SocketAddr, count: u32) -> Burst {
    let mut seen = Burst::default();
    for _ in 0..count {
        match greeted(address) {
            Ok(()) => seen.answered += 1,
            Err(error) if error.raw_os_error() == Some(EPERM) => seen.refused += 1,
            Err(_) => seen.other += 1,
        }
    }
    seen
}

/// Closed with a reset: tens of thousands in TIME_WAIT would leave no port.
fn greeted(address: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    nix::sys::socket::setsockopt(
        &stream,
        nix::sys::socket::sockopt::Linger,
        &nix::libc::linger {
            l_onoff: 1,
            l_linger: 0,
        },
    )?;
    Ok(())
}

/// One TCP attempt for each address, all at once: those that nobody answers would add up.
fn reach(timeout: Duration, addresses: &[&str]) -> Result<()> {
    let addresses: Vec<SocketAddr> = addresses
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_, _>>()?;
    let attempts = thread::scope(|scope| {
        let all: Vec<_> = addresses
            .iter()
            .map(|address| scope.spawn(|| attempt("tcp", *address, timeout)))
            .collect();
        let ended = all.into_iter().map(thread::ScopedJoinHandle::join);
        ended.collect::<Result<Vec<_>, _>>()
    });
    let Ok(attempts) = attempts else {
        bail!("an attempt panicked")
    };
    println!("{}", serde_json::to_string(&Attempts { attempts })?);
    Ok(())
}

fn attempt(kind: &str, address: SocketAddr, timeout: Duration) -> Attempt {
    let start = Instant::now();
    let outcome = match kind {
        "tcp" => try_tcp(address, timeout),
        "http" => ask(address, timeout, b"GET / HTTP/1.0\r\n\r\n"),
        // SSLRequest: a server of any version answers it with one byte, before it asks who we are.
        "postgres" => ask(address, timeout, &[0, 0, 0, 8, 4, 210, 22, 47]),
        "udp" => try_udp(address, timeout, true),
        _ => try_udp(address, timeout, false),
    };
    let ms = start.elapsed().as_secs_f64() * 1000.0;
    match outcome {
        Ok(name) => Attempt {
            answer: Some(name),
            error: None,
            errno: None,
            ms,
        },
        Err(error) => Attempt {
            answer: None,
            errno: error.raw_os_error(),
            error: Some(error.to_string()),
            ms,
        },
    }
}

fn try_tcp(address: SocketAddr, timeout: Duration) -> std::io::Result<String> {
    let stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line.trim().to_string())
}

/// Sends first, then takes what comes.
fn ask(address: SocketAddr, timeout: Duration, question: &[u8]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.write_all(question)?;
    let mut bytes = [0; 64];
    let length = stream.read(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes[..length]);
    Ok(text.lines().next().unwrap_or_default().to_string())
}

fn try_udp(address: SocketAddr, timeout: Duration, connected: bool) -> std::io::Result<String> {
    let any = if address.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(any)?;
    socket.set_read_timeout(Some(timeout))?;
    if connected {
        socket.connect(address)?;
        socket.send(b"hello")?;
    } else {
        socket.send_to(b"hello", address)?;
    }
    let mut bytes = [0; 2048];
    let (length, _) = socket.recv_from(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes[..length]).into_owned())
}

/// One connection for ever: a byte every 50 ms there and back. Prints `ready`, then `lost` with the reason.
fn hold(address: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut greeting = String::new();
    BufReader::with_capacity(1, stream.try_clone()?).read_line(&mut greeting)?;
    println!("ready");
    let mut byte = [0];
    loop {
        if let Err(error) = stream.write_all(b"x").and_then(|()| stream.read_exact(&mut byte)) {
            lost(&error);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// One connected datagram socket for ever, in the same way.
fn hold_udp(address: SocketAddr) -> Result<()> {
    let socket = UdpSocket::bind(if address.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" })?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    socket.connect(address)?;
    let mut bytes = [0; 64];
    let mut said = false;
    loop {
        if let Err(error) = socket.send(b"x").and_then(|_| socket.recv(&mut bytes)) {
            lost(&error);
        }
        if !said {
            println!("ready");
            said = true;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// At once, also where nobody listens any more: a test measures how long this took.
fn lost(error: &std::io::Error) -> ! {
    let _ = writeln!(std::io::stdout(), "lost: {error}");
    std::process::exit(1)
}
