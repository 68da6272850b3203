//! A process that may open no more files: each error names that, and what works again afterwards.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};
use zignsec::{Client, ClientBuilder, Error, ErrorKind};
use zignsec_sandbox::Sandbox;

const URL: &str = "ZIGNSEC_TEST_EXHAUSTION_URL";
const KEY: &str = "ZIGNSEC_TEST_EXHAUSTION_KEY";
const CA_FILE: &str = "ZIGNSEC_TEST_EXHAUSTION_CA_FILE";

/// Runs `call` while the process may open only `left` more files.
fn with_files_left<T>(left: u64, call: impl FnOnce() -> T) -> T {
    let limit = getrlimit(Resource::Nofile);
    // Takes the numbers below those that are in use.
    let highest = open_files().into_iter().max().unwrap();
    let mut fillers = Vec::new();
    while fillers.last().is_none_or(|last: &File| last.as_raw_fd() < highest) {
        fillers.push(File::open("/dev/null").unwrap());
    }
    let next = fillers.last().unwrap().as_raw_fd() + 1;
    let lowered = Rlimit { current: Some(u64::try_from(next).unwrap() + left), ..limit };
    setrlimit(Resource::Nofile, lowered).unwrap();
    let result = call();
    setrlimit(Resource::Nofile, limit).unwrap();
    result
}

fn assert_names_the_limit(error: &Error, kind: ErrorKind) {
    assert_eq!(error.kind(), kind, "{error}");
    for words in ["too many open files in this process (EMFILE)", "raise the limit"] {
        assert!(error.message().contains(words), "{error}");
    }
    assert!(!error.message().contains("check the base URL"), "{error}");
    assert!(!error.in_doubt());
}

/// The numbers of the open files.
fn open_files() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
}

fn builder(url: &str) -> ClientBuilder {
    let key = std::env::var(KEY).unwrap();
    Client::builder(key).base_url(url).proxy("none").max_retries(0)
}

/// Runs this test in a separate process, because the limit applies to the whole process.
fn run_inside(name: &str, sandbox: &Sandbox) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--test-threads=1", "--nocapture"]);
    command.env(URL, sandbox.url()).env(KEY, sandbox.api_key());
    command.envs(sandbox.ca_file().map(|file| (CA_FILE, file)));
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
        command.env_remove(name);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{output:?}");
}

#[test]
fn a_call_without_a_file_left_names_the_limit_and_works_later() {
    let Ok(url) = std::env::var(URL) else {
        let sandbox = Sandbox::start().unwrap();
        return run_inside("a_call_without_a_file_left_names_the_limit_and_works_later", &sandbox);
    };
    let client = builder(&url).build().unwrap();
    let not_found = || client.get_session("a").unwrap_err().kind() == ErrorKind::NotFound;
    let before = open_files().len();
    for _ in 0..3 {
        let error = with_files_left(0, || client.get_session("a")).unwrap_err();
        assert_names_the_limit(&error, ErrorKind::Connect);
        // The system's resolver reports an unknown host.
        let of_name = builder("https://gateway.invalid").build().unwrap();
        let error = with_files_left(0, || of_name.get_session("a")).unwrap_err();
        assert_names_the_limit(&error, ErrorKind::Connect);
        assert!(error.message().contains("host name could not be resolved"), "{error}");
        // An unknown host, or a name server that does not answer.
        let error = of_name.get_session("a").unwrap_err();
        let advice = [
            "check the base URL, the network and the proxy",
            "check the name servers and the network",
        ];
        assert!(advice.iter().any(|text| error.message().ends_with(text)), "{error}");
    }
    assert_eq!(open_files().len(), before);
    assert!(not_found());
    // An open connection needs no file.
    assert!(with_files_left(0, not_found));
}

#[test]
fn an_address_without_a_file_joins_the_race_when_there_is_one() {
    if std::env::var_os(URL).is_none() {
        let sandbox = Sandbox::start().unwrap();
        return run_inside("an_address_without_a_file_joins_the_race_when_there_is_one", &sandbox);
    }
    // The first address neither accepts nor refuses: its backlog is full.
    let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let first = socket();
    let _second = loop {
        let Ok(second) = TcpListener::bind("[::1]:0") else {
            println!("skipped: this machine has no IPv6");
            return;
        };
        // Another program may have the same port of IPv4.
        let port = second.local_addr().unwrap().port();
        if first.bind(&SocketAddr::from(([127, 0, 0, 1], port)).into()).is_ok() {
            break second;
        }
    };
    first.listen(0).unwrap();
    let address = first.local_addr().unwrap();
    let port = address.as_socket().unwrap().port();
    let _waiting = [(); 4].map(|()| {
        let socket = socket();
        socket.set_nonblocking(true).unwrap();
        let _ = socket.connect(&address);
        socket
    });
    let client = builder(&format!("http://localhost:{port}"))
        .connect_timeout(Duration::from_millis(1500))
        .attempt_timeout(Duration::from_secs(2))
        .build()
        .unwrap();
    let error = with_files_left(2, || {
        let file = File::open("/dev/null").unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(400));
                drop(file);
            });
            client.get_session("a")
        })
    });
    let error = error.unwrap_err();
    // It is connected, and nobody answers.
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.message().contains("waiting for the response"), "{error}");
}

#[test]
fn trust_roots_that_could_not_be_read_are_read_again() {
    let Ok(url) = std::env::var(URL) else {
        let sandbox = Sandbox::builder().tls(true).start().unwrap();
        return run_inside("trust_roots_that_could_not_be_read_are_read_again", &sandbox);
    };
    if !std::path::Path::new("/etc/ssl/certs/ca-certificates.crt").exists() {
        println!("skipped: this system has no store of certificates");
        return;
    }
    let client = builder(&url).build().unwrap();
    // The connection takes the only one.
    let error = with_files_left(1, || client.get_session("a")).unwrap_err();
    assert_names_the_limit(&error, ErrorKind::Tls);
    assert!(error.message().contains("cannot read the system's certificates"), "{error}");
    let error = client.get_session("a").unwrap_err();
    assert!(error.message().contains("is not trusted"), "{error}");
}

#[test]
fn a_file_of_the_configuration_that_cannot_be_opened_names_the_limit() {
    let Ok(url) = std::env::var(URL) else {
        let sandbox = Sandbox::builder().tls(true).start().unwrap();
        let name = "a_file_of_the_configuration_that_cannot_be_opened_names_the_limit";
        return run_inside(name, &sandbox);
    };
    let ca_file = std::path::PathBuf::from(std::env::var_os(CA_FILE).unwrap());
    let client = with_files_left(0, || builder(&url).ca_file(&ca_file).build()).unwrap();
    // The connection takes the only one.
    let error = with_files_left(1, || client.get_session("a")).unwrap_err();
    assert_names_the_limit(&error, ErrorKind::Tls);
    assert_eq!(client.get_session("a").unwrap_err().kind(), ErrorKind::NotFound);
    let certificate = ca_file.with_file_name("client.pem");
    let key = ca_file.with_file_name("client-key.pem");
    let build = || builder(&url).client_cert(certificate, key).build();
    let error = with_files_left(0, build).unwrap_err();
    assert_names_the_limit(&error, ErrorKind::Configuration);
}
