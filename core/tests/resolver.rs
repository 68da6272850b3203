//! A system resolver that hangs: the threads that it blocks, and the calls that wait for it.
//! A preloaded library replaces `getaddrinfo` and `pthread_create`.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use zignsec::{Client, ErrorKind};

const FOLDER: &str = "ZIGNSEC_TEST_RESOLVER_FOLDER";

/// Names that begin with `hangs` block for ten minutes, with `second` as long as a first name server
/// that is dead (glibc asks the second one after 5 seconds), others for three seconds. Then they
/// resolve to this machine. No thread can be started if there is a file `no-threads`.
const LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void in_folder(char *path, size_t size, const char *name) {
    const char *folder = getenv("ZIGNSEC_TEST_RESOLVER_FOLDER");
    snprintf(path, size, "%s/%s", folder ? folder : "/nonexistent", name);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        (__typeof__(real))dlsym(RTLD_NEXT, "getaddrinfo");
    char path[4096];
    in_folder(path, sizeof path, "lookups");
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (file >= 0) {
        ssize_t count = write(file, "x", 1);
        (void)count;
        close(file);
    }
    if (strncmp(node, "hangs", 5) == 0) sleep(600);
    usleep(strncmp(node, "second", 6) == 0 ? 5500000 : 3000000);
    return real("127.0.0.1", service, hints, found);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument) {
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
        (__typeof__(real))dlsym(RTLD_NEXT, "pthread_create");
    char path[4096];
    in_folder(path, sizeof path, "no-threads");
    if (access(path, F_OK) == 0) return EAGAIN;
    return real(thread, attributes, run, argument);
}
"#;

/// Runs one of the tests of `inside` in a process with the library.
fn run_inside(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (source, library) = (folder.path().join("resolver.c"), folder.path().join("resolver.so"));
    fs::write(&source, LIBRARY).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let mut build = Command::new(compiler);
    build.args(["-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-ldl");
    let Ok(status) = build.status() else {
        assert!(std::env::var_os("ZIGNSEC_TEST_ALL").is_none(), "a C compiler is missing");
        println!("skipped: a C compiler is missing");
        return;
    };
    assert!(status.success());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("inside::{name}"), "--test-threads=1", "--nocapture"])
        .env("LD_PRELOAD", library)
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains("1 passed"), "{printed}");
}

#[test]
fn a_resolver_that_hangs_blocks_one_thread_of_a_client_and_16_of_a_process() {
    run_inside("hanging_lookups_are_joined_and_limited");
}

#[test]
fn the_next_attempt_joins_the_lookup_of_the_one_before() {
    run_inside("a_slow_lookup_is_joined_by_the_next_attempt");
}

#[test]
fn a_result_that_comes_between_two_calls_is_used() {
    run_inside("a_result_comes_between_two_calls");
}

#[test]
fn a_call_with_default_limits_survives_a_dead_name_server() {
    run_inside("the_first_name_server_is_dead");
}

#[test]
fn a_lookup_without_a_thread_is_a_connect_error() {
    run_inside("no_thread_can_be_started");
}

mod inside {
    use super::*;

    fn folder() -> Option<PathBuf> {
        std::env::var_os(FOLDER).map(PathBuf::from)
    }

    fn client(host: &str, connect_timeout: Duration, max_retries: u32) -> Client {
        Client::builder("key")
            .base_url(format!("https://{host}"))
            .connect_timeout(connect_timeout)
            .max_retries(max_retries)
            .build()
            .unwrap()
    }

    /// The threads of lookups.
    fn lookup_threads() -> usize {
        let tasks = fs::read_dir("/proc/self/task").unwrap();
        let names =
            tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("comm")).ok());
        names.filter(|name| name == "zignsec-dns\n").count()
    }

    /// A thread that was joined can still be listed for a moment.
    fn assert_no_lookup_thread() {
        let end = Instant::now() + Duration::from_secs(10);
        while lookup_threads() > 0 {
            assert!(Instant::now() < end, "a thread did not end");
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn lookups(folder: &Path) -> usize {
        fs::read(folder.join("lookups")).map_or(0, |lookups| lookups.len())
    }

    /// Makes calls in 20 threads until there are `expected` lookup threads, and for a second more.
    /// Returns the largest number of lookup threads.
    fn call_until(expected: usize, call: impl Fn() + Sync) -> usize {
        let mut end = Instant::now() + Duration::from_secs(60);
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        call();
                    }
                });
            }
            let mut most = 0;
            while Instant::now() < end {
                let before = most;
                most = most.max(lookup_threads());
                if before < expected && most >= expected {
                    end = Instant::now() + Duration::from_secs(1);
                }
                thread::sleep(Duration::from_millis(5));
            }
            is_over.store(true, Ordering::Relaxed);
            most
        })
    }

    fn assert_times_out(client: &Client) {
        let begin = Instant::now();
        let error = client.get_session("a").unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 1), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(5));
        let end = ": looking up the host name timed out; check the name servers and the network";
        assert!(error.message().ends_with(end), "{error}");
    }

    #[test]
    fn hanging_lookups_are_joined_and_limited() {
        let Some(folder) = folder() else { return };
        let limit = Duration::from_millis(100);
        let shared = client("hangs.example", limit, 0);
        let most = call_until(1, || assert_times_out(&shared));
        assert_eq!((most, lookups(&folder)), (1, 1));
        drop(shared);
        let most = call_until(16, || {
            assert_times_out(&client("hangs.example", limit, 0));
        });
        assert_eq!((most, lookups(&folder)), (16, 16));
        // Loopback names need no thread.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = client(&format!("localhost:{port}"), limit, 0).get_session("a").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect);
    }

    /// The port of a server that closes its first connection at once.
    fn closing_server() -> (thread::JoinHandle<()>, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        (thread::spawn(move || drop(listener.accept().unwrap())), port)
    }

    #[test]
    fn a_slow_lookup_is_joined_by_the_next_attempt() {
        let Some(folder) = folder() else { return };
        let (server, port) = closing_server();
        let client = client(&format!("slow.example:{port}"), Duration::from_secs(2), 1);
        let error = client.get_session("a").unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Tls, 2), "{error}");
        server.join().unwrap();
        assert_eq!(lookups(&folder), 1);
        assert_no_lookup_thread();
    }

    #[test]
    fn a_result_comes_between_two_calls() {
        let Some(folder) = folder() else { return };
        let (server, port) = closing_server();
        let client = client(&format!("slow.example:{port}"), Duration::from_secs(2), 0);
        assert_times_out(&client);
        thread::sleep(Duration::from_secs(2));
        let error = client.get_session("a").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
        server.join().unwrap();
        assert_eq!(lookups(&folder), 1);
        assert_no_lookup_thread();
    }

    #[test]
    fn the_first_name_server_is_dead() {
        let Some(folder) = folder() else { return };
        let (server, port) = closing_server();
        let base_url = format!("https://second.example:{port}");
        let client = Client::builder("key").base_url(base_url).max_retries(1).build().unwrap();
        let begin = Instant::now();
        let error = client.get_session("a").unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Tls, 2), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(7));
        server.join().unwrap();
        assert_eq!(lookups(&folder), 1);
    }

    #[test]
    fn no_thread_can_be_started() {
        let Some(folder) = folder() else { return };
        let client = client("slow.example:1", Duration::from_secs(10), 0);
        fs::write(folder.join("no-threads"), "").unwrap();
        for _ in 0..20 {
            let error = client.get_session("a").unwrap_err();
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 1), "{error}");
            assert!(error.to_string().contains("thread"), "{error}");
        }
        assert_eq!(lookups(&folder), 0);
        // No slot stays taken.
        fs::remove_file(folder.join("no-threads")).unwrap();
        let error = client.get_session("a").unwrap_err();
        assert!(error.to_string().contains("refused"), "{error}");
        assert_eq!(lookups(&folder), 1);
        assert_no_lookup_thread();
    }
}
