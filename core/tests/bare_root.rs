//! Trust roots in a minimal container: its root directory contains a program and its libraries, but
//! no `/etc` and no `/proc`.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use zignsec::{Client, ClientBuilder, ErrorKind, Phone2faRequest};
use zignsec_sandbox::Sandbox;

const PORT: &str = "ZIGNSEC_TEST_BARE_PORT";
const KEY: &str = "ZIGNSEC_TEST_BARE_KEY";
/// The certificate store of Debian.
const STORE: &str = "/etc/ssl/certs/ca-certificates.crt";
const CA_FILE: &str = "/ca.pem";
/// Loopback hosts that the library resolves without asking the system.
const HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "sandbox.localhost"];

/// Collects the lines that the library logs.
struct Log(Mutex<Vec<String>>);

impl Log {
    fn install() -> &'static Self {
        static LOG: Log = Log(Mutex::new(Vec::new()));
        log::set_logger(&LOG).unwrap();
        log::set_max_level(log::LevelFilter::Debug);
        &LOG
    }

    /// The lines about trust roots.
    fn trust_lines(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|line| line.starts_with("trusting")).cloned().collect()
    }
}

impl log::Log for Log {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target() == "zignsec"
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

/// A builder for the sandbox, which runs outside the container. `None` if this process does too.
fn builder(host: &str) -> Option<ClientBuilder> {
    let port = std::env::var(PORT).ok()?;
    let builder = Client::builder(std::env::var(KEY).unwrap()).max_retries(0);
    Some(builder.base_url(format!("https://{host}:{port}")))
}

fn start(builder: ClientBuilder) -> Result<(), zignsec::Error> {
    let client = builder.build().unwrap();
    let request = Phone2faRequest::new("+46701740605")
        .redirect_success("https://a.example/ok")
        .redirect_failure("https://a.example/no");
    client.start_phone_2fa(&request).map(drop)
}

#[test]
fn inside_without_a_store() {
    if builder("localhost").is_none() {
        return;
    }
    assert!(!Path::new("/etc").exists() && !Path::new("/proc").exists());
    let log = Log::install();
    for host in HOSTS {
        start(builder(host).unwrap().ca_file(CA_FILE)).unwrap();
    }
    assert!(log.trust_lines().is_empty(), "the system's store was read although ca_file is set");

    for host in HOSTS {
        let error = start(builder(host).unwrap()).unwrap_err();
        assert_eq!((error.kind(), error.in_doubt()), (ErrorKind::Tls, false), "{error}");
        assert!(error.message().contains("is not trusted"), "{error}");
    }
    let count = webpki_roots::TLS_SERVER_ROOTS.len();
    let expected = format!(
        "trusting {count} certificates of Mozilla's list (the system has no usable certificates)"
    );
    assert_eq!(log.trust_lines(), [expected]);

    // DNS needs files in /etc too.
    let error = start(builder("gateway.invalid").unwrap()).unwrap_err();
    assert_eq!((error.kind(), error.in_doubt()), (ErrorKind::Connect, false), "{error}");
}

#[test]
fn inside_with_a_store() {
    let Some(builder) = builder("localhost") else { return };
    let log = Log::install();
    start(builder).unwrap();
    assert_eq!(log.trust_lines(), ["trusting 1 certificates of the system's store"]);
}

/// The command that changes the root directory, if this user is allowed to.
fn chroot() -> Option<Vec<&'static str>> {
    let chroot = [vec!["chroot"], vec!["unshare", "--map-root-user", "chroot"]].into_iter().find(
        |command| {
            let output = Command::new(command[0]).args(&command[1..]).args(["/", "true"]).output();
            output.is_ok_and(|output| output.status.success())
        },
    );
    if chroot.is_none() {
        assert!(std::env::var_os("ZIGNSEC_TEST_ALL").is_none(), "chroot is not allowed");
        println!("skipped: chroot is not allowed");
    }
    chroot
}

/// The dynamic loader and the libraries that a program is linked with.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

/// Runs one of the tests above in a new root directory. The sandbox's certificate is at `ca_file`.
fn run(sandbox: &Sandbox, test: &str, ca_file: &str) {
    let Some(chroot) = chroot() else { return };
    let root = tempfile::tempdir().unwrap();
    let copy = |from: &Path, to: &Path| {
        let to = root.path().join(to.strip_prefix("/").unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    };
    let program = std::env::current_exe().unwrap();
    copy(&program, Path::new("/inside"));
    for library in libraries(&program) {
        copy(&library, &library);
    }
    copy(sandbox.ca_file().unwrap(), Path::new(ca_file));

    let output = Command::new(chroot[0])
        .args(&chroot[1..])
        .arg(root.path())
        .args(["/inside", "--exact", test])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env(PORT, sandbox.url().rsplit(':').next().unwrap())
        .env(KEY, sandbox.api_key())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(!sandbox.requests().is_empty());
}

#[test]
fn a_root_without_a_certificate_store_trusts_mozillas_list() {
    let sandbox = Sandbox::builder().tls(true).start().unwrap();
    run(&sandbox, "inside_without_a_store", CA_FILE);
}

#[test]
fn a_root_with_a_certificate_store_trusts_only_that_store() {
    let sandbox = Sandbox::builder().tls(true).start().unwrap();
    run(&sandbox, "inside_with_a_store", STORE);
}
