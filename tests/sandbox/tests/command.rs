//! The program: ready line, banner, options and shutdown.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails the test")]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

fn run(arguments: &[&str], stdin: Stdio) -> Child {
    Command::new(env!("CARGO_BIN_EXE_zignsec-sandbox"))
        .args(["--port", "0"])
        .args(arguments)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn read_ready_line(child: &mut Child) -> (Value, BufReader<std::process::ChildStdout>) {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    (serde_json::from_str(&line).unwrap(), out)
}

fn is_healthy(url: &str) -> bool {
    ureq::get(format!("{url}/_sandbox/health")).call().is_ok()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn json_prints_one_line_and_end_of_stdin_stops_the_program() {
    let mut child = run(&["--json", "--tls"], Stdio::piped());
    let (line, mut out) = read_ready_line(&mut child);
    let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["api_key", "ca_file", "url", "webhook_secret"]);
    assert_eq!(line["api_key"], "sandbox-key");
    let url = line["url"].as_str().unwrap();
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    assert!(is_healthy(&url.replace("https", "http")));
    let ca_file = std::path::Path::new(line["ca_file"].as_str().unwrap());
    assert!(ca_file.exists());
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    assert!(!ca_file.exists());
}

#[test]
fn signals_stop_the_program_and_a_null_stdin_does_not() {
    for (name, tls) in
        [("-INT", None), ("-TERM", None), ("-INT", Some("--tls")), ("-TERM", Some("--tls"))]
    {
        let mut child = run(&[&["--json"], tls.as_slice()].concat(), Stdio::null());
        let (line, _out) = read_ready_line(&mut child);
        let ca_file = line["ca_file"].as_str().map(Path::new);
        assert_eq!(ca_file.is_some(), tls.is_some());
        assert!(is_healthy(&line["url"].as_str().unwrap().replace("https", "http")), "{name}");
        assert!(child.try_wait().unwrap().is_none(), "{name}");
        signal(&child, name);
        assert!(child.wait().unwrap().success(), "{name}");
        assert!(ca_file.is_none_or(|file| !file.parent().unwrap().exists()), "{name}");
    }
}

#[test]
fn only_the_user_can_open_the_folder_and_the_files_of_tls_whatever_the_umask_is() {
    for umask in ["000", "022", "077", "777"] {
        let program = env!("CARGO_BIN_EXE_zignsec-sandbox");
        let mut child = Command::new("sh")
            .args(["-c", "umask $1; exec \"$2\" --port 0 --json --tls", "sh", umask, program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (line, _out) = read_ready_line(&mut child);
        let folder = Path::new(line["ca_file"].as_str().unwrap()).parent().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(folder), 0o700, "umask {umask}");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        let names: Vec<_> =
            files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["ca.pem", "client-key.pem", "client.pem"]);
        for file in &files {
            assert_eq!(mode(file), 0o600, "umask {umask}: {}", file.display());
            assert!(std::fs::read(file).unwrap().starts_with(b"-----BEGIN "));
        }
        if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
            let other = |command: &str, path: &Path| {
                Command::new(command).arg(path).uid(65534).gid(65534).output().unwrap()
            };
            assert!(!other("ls", folder).status.success());
            assert!(files.iter().all(|file| !other("cat", file).status.success()));
            assert!(!other("touch", &folder.join("ca.pem")).status.success());
            assert!(other("ls", folder.parent().unwrap()).status.success());
        }
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
        assert!(!folder.exists());
    }
}

#[test]
fn banner_shows_the_settings_and_without_json_stdin_is_ignored() {
    let mut child = run(&["--api-key", "my-key", "--seed", "7"], Stdio::piped());
    drop(child.stdin.take());
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut banner = String::new();
    while !banner.contains("Ctrl-C") {
        assert_ne!(out.read_line(&mut banner).unwrap(), 0, "{banner}");
    }
    assert!(banner.contains("SANDBOX") && banner.contains("not the real gateway"), "{banner}");
    assert!(banner.contains("my-key") && banner.contains(" 7\n"), "{banner}");
    let url = banner.split("URL").nth(1).unwrap().trim_start().lines().next().unwrap();
    assert!(is_healthy(url), "{url}");
    signal(&child, "-TERM");
    assert!(child.wait().unwrap().success());
}

#[test]
fn port_in_use_is_reported_as_an_error() {
    let in_use = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = in_use.local_addr().unwrap().port().to_string();
    let program = Command::new(env!("CARGO_BIN_EXE_zignsec-sandbox"))
        .args(["--port", &port])
        .output()
        .unwrap();
    assert!(!program.status.success());
    let error = String::from_utf8(program.stderr).unwrap();
    assert!(error.contains("in use"), "{error}");
    assert_eq!(program.stdout, b"");
}

#[test]
fn every_option_is_applied() {
    let mut child = run(
        &[
            "--json",
            "--host",
            "127.0.0.1",
            "--allow-host",
            "gateway.test",
            "--api-key",
            "my-key",
            "--webhook-secret",
            "hush",
            "--success-status",
            "finished",
            "--max-attempts",
            "1",
            "--cancel",
            "redirect",
            "--webhook-shape",
            "flat",
            "--webhook-allow",
            "hooks.test",
            "--error-shape",
            "text",
            "--chaos",
            "100",
            "--seed",
            "5",
        ],
        Stdio::piped(),
    );
    let (line, _out) = read_ready_line(&mut child);
    assert_eq!((&line["api_key"], &line["webhook_secret"]), (&"my-key".into(), &"hush".into()));
    let url = line["url"].as_str().unwrap();
    let health = ureq::get(format!("{url}/_sandbox/health")).header("host", "gateway.test").call();
    assert_eq!(health.unwrap().status(), 200);
    let dashboard = ureq::get(url).call().unwrap().body_mut().read_to_string().unwrap();
    assert!(dashboard.contains("random faults in 100 % of requests, seed 5"), "{dashboard}");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn invalid_api_key_is_rejected_without_being_printed() {
    let program = Command::new(env!("CARGO_BIN_EXE_zignsec-sandbox"))
        .args(["--api-key", "my secret"])
        .output()
        .unwrap();
    assert!(!program.status.success());
    let output = String::from_utf8([program.stdout, program.stderr].concat()).unwrap();
    assert!(output.contains("API key") && !output.contains("my secret"), "{output}");
}
