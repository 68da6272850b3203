//! The environment of a process: what is logged about it, and that it is ignored by a program that
//! may do more than the user who started it. Each case runs this program again in a child process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use tempfile::TempDir;
use zignsec::ClientBuilder;
use zignsec_sandbox::Sandbox;

/// The options of the client in the child process, which it reads without the library.
const KEY: &str = "ZIGNSEC_TEST_INSIDE_KEY";
const URL: &str = "ZIGNSEC_TEST_INSIDE_URL";
/// Marks a child process. Its value is the method that it calls, or empty.
const CALL: &str = "ZIGNSEC_TEST_INSIDE_CALL";

/// Prints what the library logs.
struct Print;

impl log::Log for Print {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target() == "zignsec"
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            println!("\nLOG {} {}", record.level(), record.args());
        }
    }

    fn flush(&self) {}
}

/// The program of the child process.
#[test]
fn inside() {
    let Ok(call) = std::env::var(CALL) else { return };
    log::set_logger(&Print).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    for line in status.lines().filter(|line| line.starts_with("Uid:") || line.starts_with("Cap")) {
        println!("\nSTATUS {}", line.replace('\t', " "));
    }
    let mut builder = ClientBuilder::new().max_retries(0);
    if let Ok(key) = std::env::var(KEY) {
        builder = builder.api_key(key);
    }
    if let Ok(url) = std::env::var(URL) {
        builder = builder.base_url(url);
    }
    let client = match builder.build() {
        Ok(client) => client,
        Err(error) => {
            println!("\nOUTCOME {:?}\nMESSAGE {error}", error.kind());
            return;
        }
    };
    if call == "get" {
        // A valid key is answered with "not found".
        println!("\nOUTCOME {:?}", client.get_session("a").unwrap_err().kind());
    } else {
        let proxy = client.proxy().unwrap_or_else(|| "direct".to_owned());
        println!("\nOUTCOME {} {proxy}", client.base_url());
    }
}

/// Runs a copy of this program as `user`, with nothing but `environment`, and returns the lines of
/// its output that begin with a word.
fn run(program: &Path, user: Option<u32>, environment: &[(&str, &str)]) -> impl Fn(&str) -> String {
    let mut command = Command::new(program);
    command.args(["--exact", "inside", "--nocapture", "--test-threads=1"]);
    command.env_clear().env(CALL, "").envs(environment.iter().copied());
    if let Some(user) = user {
        command.uid(user).gid(user).current_dir("/");
    }
    let output = loop {
        match command.output() {
            // A process that another thread forked while the copy was written, and that has not
            // started its program yet.
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => thread::yield_now(),
            output => break output.unwrap(),
        }
    };
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    move |word| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
        lines.collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn a_base_url_of_the_environment_that_may_surprise_is_logged() {
    const OVERRIDES: &str = "WARN ZIGNSEC_BASE_URL overrides ZIGNSEC_ENVIRONMENT";
    const LOOPBACK: &str = "WARN ZIGNSEC_BASE_URL is plain http to loopback, which is not \
                            authenticated: any program on this machine that listens on its port \
                            gets the API key and chooses the results";
    let program = std::env::current_exe().unwrap();
    let (name, word) = ("ZIGNSEC_BASE_URL", "ZIGNSEC_ENVIRONMENT");
    let plain = (name, "http://localhost:8466/path");
    let both = [OVERRIDES, LOOPBACK].join("\n");
    for (environment, expected) in [
        (vec![plain], LOOPBACK),
        (vec![plain, (word, "production")], &both),
        (vec![plain, (word, "")], LOOPBACK),
        (vec![(name, "http://[::1]:1")], LOOPBACK),
        (vec![(name, "https://localhost:8466")], ""),
        (vec![(name, "https://gateway.example"), (word, "test")], OVERRIDES),
        // The word is not used, so it is not checked either.
        (vec![(name, "https://gateway.example"), (word, "+46701740605")], OVERRIDES),
        (vec![(word, "production")], ""),
        (vec![plain, (URL, "http://localhost:1"), (word, "production")], ""),
        (vec![], ""),
    ] {
        let environment = [environment.as_slice(), &[(KEY, "a-key")]].concat();
        let output = run(&program, None, &environment);
        assert_eq!(output("LOG"), expected, "{environment:?}");
        assert!(!output("OUTCOME").is_empty());
    }
}

/// A user without rights.
const NOBODY: u32 = 65534;

/// Copies of this program that nobody can run, each with other privileges.
struct Copies {
    folder: TempDir,
    plain: PathBuf,
    raised: Vec<(&'static str, PathBuf)>,
}

/// Reports that a test cannot run here; an error if `ZIGNSEC_TEST_ALL` says that all must run.
fn skip(why: &str) {
    assert!(std::env::var_os("ZIGNSEC_TEST_ALL").is_none(), "{why}");
    println!("skipped: {why}");
}

impl Copies {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let copy = |name: &str, mode: u32| {
            let path = folder.path().join(name);
            fs::copy(std::env::current_exe().unwrap(), &path).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            path
        };
        let set_user_id = copy("set-user-id", 0o4755);
        if !fs::read_to_string("/proc/self/status").unwrap().contains("Uid:\t0\t0") {
            skip("only root can install a set-user-ID program");
            return None;
        }
        // Other users must not reach these programs, also if the test is killed.
        chown(folder.path(), Some(NOBODY), None).unwrap();
        if !run(&set_user_id, Some(NOBODY), &[])("STATUS").contains("Uid: 65534 0 ") {
            skip("set-user-ID has no effect on the file system of the temporary folder (nosuid?)");
            return None;
        }
        let plain = copy("plain", 0o755);
        let mut raised =
            vec![("set-user-ID", set_user_id), ("set-group-ID", copy("set-group-id", 0o2755))];
        let capable = copy("capable", 0o755);
        let path = "/usr/sbin:/sbin:/usr/bin:/bin";
        let mut setcap = Command::new("setcap");
        setcap.arg("cap_net_bind_service=ep").arg(&capable).env("PATH", path);
        if setcap.status().is_ok_and(|status| status.success())
            && run(&capable, Some(NOBODY), &[])("STATUS").contains("CapEff: 0000000000000400")
        {
            raised.push(("capabilities", capable));
        } else {
            skip("file capabilities cannot be set (setcap)");
        }
        Some(Self { folder, plain, raised })
    }
}

#[test]
fn a_program_with_raised_privileges_ignores_the_environment() {
    let Some(copies) = Copies::new() else { return };
    let sandbox = Sandbox::builder().tls(true).start().unwrap();
    let plain_sandbox = Sandbox::start().unwrap();
    let ca_file = copies.folder.path().join("ca.pem");
    fs::copy(sandbox.ca_file().unwrap(), &ca_file).unwrap();
    let ca_dir = copies.folder.path().join("certificates");
    fs::create_dir(&ca_dir).unwrap();
    fs::copy(&ca_file, ca_dir.join("ca.pem")).unwrap();
    for file in [&ca_file, &ca_dir.join("ca.pem")] {
        fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap();
    }
    fs::set_permissions(&ca_dir, Permissions::from_mode(0o755)).unwrap();
    let (ca_file, ca_dir) = (ca_file.to_str().unwrap(), ca_dir.to_str().unwrap());

    let proxy = "http://hostile.invalid:1";
    let key = (KEY, sandbox.api_key());
    let key_alone = [key];
    let gateway = [key, (URL, "https://gateway.invalid")];
    let tls = [key, (URL, sandbox.url()), (CALL, "get")];
    let through_proxy = "https://gateway.invalid http://hostile.invalid:1";
    let direct = "https://gateway.invalid direct";
    let default = "https://test-gateway.zignsec.com direct";
    let environment_alone = [
        ("ZIGNSEC_API_KEY", plain_sandbox.api_key()),
        ("ZIGNSEC_BASE_URL", plain_sandbox.url()),
        (CALL, "get"),
    ];
    // The outcome in an ordinary program shows that the variable has an effect.
    type Variables<'a> = [(&'a str, &'a str)];
    let cases: Vec<(Vec<_>, &Variables<'_>, &str, &str)> = vec![
        (vec![("HTTPS_PROXY", proxy)], &gateway, through_proxy, direct),
        (vec![("https_proxy", proxy)], &gateway, through_proxy, direct),
        (vec![("ALL_PROXY", proxy)], &gateway, through_proxy, direct),
        (vec![("all_proxy", proxy)], &gateway, through_proxy, direct),
        (vec![("HTTPS_PROXY", proxy), ("NO_PROXY", "*")], &gateway, direct, direct),
        // An invalid value is not an error either.
        (vec![("HTTPS_PROXY", "ftp://x")], &gateway, "Configuration", direct),
        (vec![("SSL_CERT_FILE", "/missing")], &gateway, "Configuration", direct),
        (vec![("SSL_CERT_FILE", ca_file)], &tls, "NotFound", "Tls"),
        (vec![("SSL_CERT_DIR", ca_dir)], &tls, "NotFound", "Tls"),
        (vec![("REQUESTS_CA_BUNDLE", ca_file)], &tls, "NotFound", "Tls"),
        (vec![("CURL_CA_BUNDLE", ca_file)], &tls, "NotFound", "Tls"),
        (
            vec![("ZIGNSEC_BASE_URL", "https://a.invalid")],
            &key_alone,
            "https://a.invalid direct",
            default,
        ),
        (
            vec![("ZIGNSEC_ENVIRONMENT", "production")],
            &key_alone,
            "https://gateway.zignsec.com direct",
            default,
        ),
        (vec![("ZIGNSEC_ENVIRONMENT", "unknown")], &key_alone, "Configuration", default),
        (vec![], &environment_alone, "NotFound", "Configuration"),
    ];
    for (hostile, options, in_plain, in_raised) in cases {
        let environment = [hostile.as_slice(), options].concat();
        let outcome = run(&copies.plain, Some(NOBODY), &environment)("OUTCOME");
        assert_eq!(outcome, in_plain, "ordinary program, {hostile:?}");
        for (what, program) in &copies.raised {
            let output = run(program, Some(NOBODY), &environment);
            assert_eq!(output("OUTCOME"), in_raised, "{what}, {hostile:?}");
            assert!(
                output("LOG").contains("DEBUG the environment variables are ignored"),
                "{what}"
            );
            if in_raised == "Configuration" {
                let message = output("MESSAGE");
                assert!(message.contains("pass api_key; the environment"), "{what}: {message}");
            }
        }
    }
    assert_eq!(plain_sandbox.requests().len(), 1);
}
