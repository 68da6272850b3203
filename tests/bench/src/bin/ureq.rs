//! ureq with its default options and a time limit.

use std::time::Duration;

use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};
use zignsec_bench::gateway::{KEY, SESSION_PATH, START_PATH, Session, USER_AGENT, start};
use zignsec_bench::{Client, Target, run};

fn main() {
    run::<Ureq>();
}

#[derive(Clone)]
struct Ureq {
    url: String,
    agent: Agent,
}

fn read(mut response: ureq::http::Response<Body>) -> Session {
    let status = response.status().as_u16();
    Session::parse(status, &response.body_mut().read_to_vec().expect("a body"))
}

impl Client for Ureq {
    fn new(target: &Target) -> Self {
        let mut config = Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(30)))
            .user_agent(USER_AGENT)
            .accept("application/json");
        if target.is_https() {
            let ca = Certificate::from_pem(&target.ca_pem()).expect("a certificate").to_owned();
            let roots = RootCerts::new_with_certs(&[ca]);
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        Self { url: target.url.clone(), agent: config.build().into() }
    }

    fn for_another_thread(&self) -> Self {
        self.clone()
    }

    fn get(&mut self, id: &str) {
        let url = format!("{}{SESSION_PATH}{id}", self.url);
        let response = self.agent.get(url).header("authorization", KEY).call().expect("a response");
        read(response).check_looked_up(id);
    }

    fn post(&mut self) {
        let response = self
            .agent
            .post(format!("{}{START_PATH}", self.url))
            .header("authorization", KEY)
            .header("content-type", "application/json")
            .send(&start())
            .expect("a response");
        read(response).check_started();
    }
}
