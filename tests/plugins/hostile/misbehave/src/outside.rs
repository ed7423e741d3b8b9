//! Looks for the world outside, through the standard library and through WASI below it. There must be none.

use std::{
    collections::hash_map::RandomState,
    fs::{self, File},
    hash::BuildHasher as _,
    io::Read as _,
    mem,
    net::{TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use wasip2::{
    cli::{stdin::get_stdin, stdout::get_stdout},
    clocks::monotonic_clock::subscribe_duration,
    io::poll::{Pollable, poll},
    random::random::get_random_bytes,
};

use crate::{Failure, number, report};

/// Does one of these; `None` when it is none of them.
pub fn look(behaviour: &str, argument: &str) -> Option<Result<(), Failure>> {
    Some(match behaviour {
        "look-around" => look_around(),
        "sleep" => sleep(number(argument)),
        "clocks" => clocks(),
        "randomness" => report(&format!("randomness {:016x}", RandomState::new().hash_one(0_u64))),
        "hoard-pollables" => hoard_pollables(number(argument)),
        "hoard-streams" => hoard_streams(number(argument)),
        "poll-many" => poll_many(number(argument)),
        "wasi-random" => report(&format!("{} random bytes", get_random_bytes(number(argument)).len())),
        "wasi-read" => wasi_read(number(argument)),
        "wasi-write" => wasi_write(number(argument)),
        _ => return None,
    })
}

/// Rejects the event with all that was found.
fn look_around() -> Result<(), Failure> {
    let mut found = Vec::new();
    for path in ["/", ".", "..", "/etc", "/proc/self"] {
        if let Ok(entries) = fs::read_dir(path) {
            found.push(format!("folder {path} of {} files", entries.count()));
        }
    }
    for path in ["/etc/passwd", "/etc/hostname", "/proc/self/environ", "plugin.toml", "/dev/urandom"] {
        if File::open(path).is_ok() {
            found.push(format!("file {path}"));
        }
    }
    for path in ["/tmp/misbehave", "misbehave.txt"] {
        if File::create(path).is_ok() {
            found.push(format!("wrote {path}"));
        }
    }
    found.extend(std::env::vars().map(|(name, _)| format!("variable {name}")));
    found.extend(std::env::args().map(|argument| format!("argument {argument}")));
    if TcpStream::connect("127.0.0.1:80").is_ok() || TcpStream::connect("[::1]:80").is_ok() {
        found.push("a connection".to_owned());
    }
    if TcpListener::bind("127.0.0.1:0").is_ok() {
        found.push("a listener".to_owned());
    }
    if UdpSocket::bind("0.0.0.0:0").is_ok() {
        found.push("a datagram socket".to_owned());
    }
    if ("localhost", 80).to_socket_addrs().is_ok_and(|mut addresses| addresses.next().is_some()) {
        found.push("an address".to_owned());
    }
    let mut input = [0; 16];
    if std::io::stdin().read(&mut input).is_ok_and(|read| read > 0) {
        found.push("input".to_owned());
    }
    if thread::Builder::new().spawn(|| ()).is_ok() {
        found.push("a thread".to_owned());
    }
    if found.is_empty() { report("found nothing") } else { Err(Failure::Reject(found.join(", "))) }
}

fn sleep(seconds: u64) -> Result<(), Failure> {
    thread::sleep(Duration::from_secs(seconds));
    Ok(())
}

/// Reports the time at the beginning and at the end of a busy while.
fn clocks() -> Result<(), Failure> {
    let wall = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let (before, started) = (wall(SystemTime::now()), Instant::now());
    let busy = (0..1_000_000_u64).fold(0, |sum, n| std::hint::black_box(sum ^ n));
    let (after, elapsed) = (wall(SystemTime::now()), started.elapsed());
    report(&format!("clocks {before} {after} {} {}", elapsed.as_nanos(), busy & 1))
}

fn hoard_pollables(n: u64) -> Result<(), Failure> {
    for _ in 0..n {
        mem::forget(subscribe_duration(u64::MAX));
    }
    report(&format!("holds {n} pollables"))
}

fn hoard_streams(n: u64) -> Result<(), Failure> {
    for _ in 0..n {
        mem::forget(get_stdout());
        mem::forget(get_stdin());
    }
    report(&format!("holds {n} streams"))
}

/// Waits for many things at once, of which none ever happens.
fn poll_many(n: u64) -> Result<(), Failure> {
    let waits: Vec<Pollable> = (0..n).map(|_| subscribe_duration(u64::MAX)).collect();
    let ready = poll(&waits.iter().collect::<Vec<_>>());
    report(&format!("{} of {n} are ready", ready.len()))
}

fn wasi_read(length: u64) -> Result<(), Failure> {
    let input = get_stdin();
    let read = input.blocking_read(length).map_or(0, |bytes| bytes.len());
    report(&format!("read {read} bytes"))
}

/// Writes more than the stream has said that it takes.
fn wasi_write(length: u64) -> Result<(), Failure> {
    let output = get_stdout();
    let written = output.write(&vec![b'x'; length as usize]);
    report(&format!("wrote: {}", if written.is_ok() { "ok" } else { "refused" }))
}
