//! The library, measured in the same way as the other clients.

use std::env;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use zignsec::{Client, Phone2faRequest, WaitOptions};
use zignsec_bench::gateway::{
    KEY, PHONE_NUMBER, REDIRECT_FAILURE, REDIRECT_SUCCESS, RELAY_STATE, WEBHOOK, check_looked_up,
    check_started,
};
use zignsec_bench::{Client as _, Target, run};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [url, ca_file, "wait", sessions, threads] => {
            let target = Target { url: (*url).to_owned(), ca_file: ca_file.into() };
            let number = |text: &str| text.parse().expect("a number");
            wait(&Zignsec::new(&target).0, number(sessions), number(threads));
        }
        _ => run::<Zignsec>(),
    }
}

/// Waits for many sessions. Each is pending twice.
fn wait(client: &Client, sessions: usize, threads: usize) {
    const INTERVAL: Duration = Duration::from_millis(50);
    let (next, polls) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let options = WaitOptions::default().poll_interval(INTERVAL).on_poll(|_, _| {
                    polls.fetch_add(1, Ordering::Relaxed);
                    ControlFlow::Continue(())
                });
                loop {
                    let session = next.fetch_add(1, Ordering::Relaxed);
                    if session >= sessions {
                        return;
                    }
                    let id = format!("wait-2-{}-{session}", std::process::id());
                    let ended = client.wait_for_session(&id, &options).expect("a final session");
                    assert!(ended.is_verified());
                }
            });
        }
    });
    println!(r#"{{"wall_s": {}, "polls": {}}}"#, start.elapsed().as_secs_f64(), polls.into_inner());
}

#[derive(Clone)]
struct Zignsec(Arc<Client>);

impl zignsec_bench::Client for Zignsec {
    fn new(target: &Target) -> Self {
        let mut builder = Client::builder(KEY).base_url(&target.url);
        if target.is_https() {
            builder = builder.ca_file(&target.ca_file);
        }
        Self(Arc::new(builder.build().expect("a client")))
    }

    fn for_another_thread(&self) -> Self {
        self.clone()
    }

    fn get(&mut self, id: &str) {
        let session = self.0.get_session(id).expect("a response");
        check_looked_up(id, session.id(), session.status_text(), session.phone_number());
    }

    fn post(&mut self) {
        let request = Phone2faRequest::new(PHONE_NUMBER)
            .redirect_success(REDIRECT_SUCCESS)
            .redirect_failure(REDIRECT_FAILURE)
            .relay_state(RELAY_STATE)
            .webhook(WEBHOOK);
        let session = self.0.start_phone_2fa(&request).expect("a response");
        check_started(session.id(), session.status_text(), session.redirect_url());
    }
}
