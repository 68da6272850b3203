//! The measurements. Each is one run of a client's program, which prints the results as JSON.

use std::env;
use std::path::PathBuf;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::gateway;
use crate::process::{cpu_ns, peak_kib, resident_kib};

/// The address of the server.
#[derive(Clone)]
pub struct Target {
    /// `http://` or `https://`, address and port.
    pub url: String,
    /// The PEM file with the certificate authority to trust.
    pub ca_file: PathBuf,
}

impl Target {
    /// Address and port.
    #[must_use]
    pub fn address(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
    }

    /// Whether to use TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.url.starts_with("https:")
    }

    /// Reads the certificate to trust.
    ///
    /// # Panics
    ///
    /// If the file cannot be read.
    #[must_use]
    pub fn ca_pem(&self) -> Vec<u8> {
        std::fs::read(&self.ca_file).expect("the server's CA")
    }
}

/// A client to measure. Its methods panic if a response is not the expected one.
pub trait Client: Send + Sized {
    /// Sets the client up as a program does when it starts.
    fn new(target: &Target) -> Self;
    /// Returns a client for another thread; the same client if threads can share it.
    fn for_another_thread(&self) -> Self;
    /// Looks a session up.
    fn get(&mut self, id: &str);
    /// Starts a session.
    fn post(&mut self);
}

#[derive(Clone, Copy)]
enum Method {
    Get,
    Post,
}

impl Method {
    fn call(self, client: &mut impl Client) {
        match self {
            Self::Get => client.get(gateway::ID),
            Self::Post => client.post(),
        }
    }
}

/// The `main` of a client's program: `PROGRAM URL CA_FILE MEASUREMENT ARGUMENTS...`
pub fn run<C: Client>() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [url, ca_file, ref measurement @ ..] = arguments[..] else {
        panic!("usage: URL CA_FILE MEASUREMENT...");
    };
    let target = Target { url: url.to_owned(), ca_file: ca_file.into() };
    let results = match *measurement {
        ["calls", method, warm_up, count] => {
            let client = &mut C::new(&target);
            calls(client, self::method(method), number(warm_up), number(count))
        }
        ["threads", threads, milliseconds] => threads_at_once::<C>(
            &target,
            number(threads),
            Duration::from_millis(number(milliseconds) as u64),
        ),
        ["idle", connections, count] => idle::<C>(&target, number(connections), number(count)),
        ["memory", waves, connections] => memory::<C>(&target, number(waves), number(connections)),
        _ => panic!("no such measurement: {measurement:?}"),
    };
    println!("{results}");
}

fn method(name: &str) -> Method {
    match name {
        "get" => Method::Get,
        "post" => Method::Post,
        _ => panic!("no such method: {name}"),
    }
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}

/// Makes calls one after the other. The warm-up is not timed. With a count of 0 there is only the
/// warm-up, and a tool such as strace can count what the calls need.
fn calls(client: &mut impl Client, method: Method, warm_up: usize, count: usize) -> Value {
    for _ in 0..warm_up {
        method.call(client);
    }
    if count == 0 {
        return json!({ "peak_kib": peak_kib() });
    }
    let mut times = Vec::with_capacity(count);
    let cpu = cpu_ns();
    for _ in 0..count {
        let started = Instant::now();
        method.call(client);
        times.push(started.elapsed());
    }
    let cpu = (cpu_ns() - cpu) / count as u64;
    times.sort_unstable();
    json!({ "wall_ns": times[count / 2].as_nanos(), "cpu_ns": cpu })
}

/// Counts the calls that several threads make within a time.
fn threads_at_once<C: Client>(target: &Target, threads: usize, length: Duration) -> Value {
    let first = C::new(target);
    let (ready, made, over) =
        (Barrier::new(threads + 1), AtomicU64::new(0), AtomicBool::new(false));
    let elapsed = thread::scope(|scope| {
        for _ in 0..threads {
            let mut client = first.for_another_thread();
            let (ready, made, over) = (&ready, &made, &over);
            scope.spawn(move || {
                client.get(gateway::ID);
                ready.wait();
                let mut count = 0;
                while !over.load(Ordering::Relaxed) {
                    client.get(gateway::ID);
                    count += 1;
                }
                made.fetch_add(count, Ordering::Relaxed);
            });
        }
        ready.wait();
        let started = Instant::now();
        thread::sleep(length);
        over.store(true, Ordering::Relaxed);
        started
    })
    .elapsed();
    json!({ "calls_per_s": made.into_inner() as f64 / elapsed.as_secs_f64() })
}

/// Opens that many connections in a client: the server answers these calls only when all of them
/// have arrived.
fn open<C: Client>(client: &C, connections: usize) {
    thread::scope(|scope| {
        for number in 0..connections {
            let mut client = client.for_another_thread();
            let call = move || client.get(&format!("held-{connections}-{number}"));
            thread::Builder::new()
                .stack_size(256 * 1024)
                .spawn_scoped(scope, call)
                .expect("a thread");
        }
    });
}

/// Measures calls on a client that has idle connections.
fn idle<C: Client>(target: &Target, connections: usize, count: usize) -> Value {
    let mut client = C::new(target);
    if connections > 0 {
        open(&client, connections);
    }
    calls(&mut client, Method::Get, 10, count)
}

/// Measures the resident memory of one more connection. Each wave is a new client that is kept; the
/// first wave also contains what threads and the allocator keep, and is subtracted.
fn memory<C: Client>(target: &Target, waves: usize, connections: usize) -> Value {
    let mut clients = Vec::new();
    let mut resident = Vec::new();
    for _ in 0..waves {
        let client = C::new(target);
        open(&client, connections);
        clients.push(client);
        resident.push(resident_kib());
    }
    let added = resident[waves - 1].saturating_sub(resident[0]) as f64;
    json!({ "kib_per_connection": added / ((waves - 1) * connections) as f64 })
}
