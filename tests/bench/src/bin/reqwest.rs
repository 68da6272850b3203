//! reqwest's blocking client with its default options.

use reqwest::Certificate;
use reqwest::blocking::{RequestBuilder, Response};
use zignsec_bench::gateway::{KEY, SESSION_PATH, START_PATH, Session, USER_AGENT, start};
use zignsec_bench::{Client, Target, run};

fn main() {
    run::<Reqwest>();
}

#[derive(Clone)]
struct Reqwest {
    url: String,
    client: reqwest::blocking::Client,
}

fn send(request: RequestBuilder) -> Response {
    request
        .header("authorization", KEY)
        .header("accept", "application/json")
        .send()
        .expect("a response")
}

fn read(response: Response) -> Session {
    let status = response.status().as_u16();
    Session::parse(status, &response.bytes().expect("a body"))
}

impl Client for Reqwest {
    fn new(target: &Target) -> Self {
        let mut builder = reqwest::blocking::Client::builder().user_agent(USER_AGENT);
        if target.is_https() {
            let ca = Certificate::from_pem(&target.ca_pem()).expect("a certificate");
            builder = builder.tls_certs_only([ca]);
        }
        Self { url: target.url.clone(), client: builder.build().expect("a client") }
    }

    fn for_another_thread(&self) -> Self {
        self.clone()
    }

    fn get(&mut self, id: &str) {
        let request = self.client.get(format!("{}{SESSION_PATH}{id}", self.url));
        read(send(request)).check_looked_up(id);
    }

    fn post(&mut self) {
        let request = self
            .client
            .post(format!("{}{START_PATH}", self.url))
            .header("content-type", "application/json")
            .body(start());
        read(send(request)).check_started();
    }
}
