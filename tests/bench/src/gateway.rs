//! The calls of the gateway's page, its answers, and what a program reads of them.

use serde::{Deserialize, Serialize};

/// The API key that is sent. Nobody looks at it.
pub const KEY: &str = "bench-key";
/// The name that clients send as `user-agent`, as long as the library's own.
pub const USER_AGENT: &str = "zignsec/0.1.0";
/// Where a session is opened.
pub const START_PATH: &str = "/core/api/sessions/two_factor_auth/phone";
/// Where a session is looked up, in front of its id.
pub const SESSION_PATH: &str = "/core/api/sessions/";
/// The session of the page's lookup.
pub const ID: &str = "55c20771-9d75-4241-8e0f-94d3a37671ca";
/// The session that the page's POST opens.
pub const STARTED_ID: &str = "b653e2c9-0138-434e-99c9-c9333cfb1129";
/// The user's number.
pub const PHONE_NUMBER: &str = "+46703339954";
/// Where a user who passed is sent.
pub const REDIRECT_SUCCESS: &str = "https://my_success_url.com";
/// Where any other user is sent.
pub const REDIRECT_FAILURE: &str = "https://my_failure_url.com";
/// The caller's own text.
pub const RELAY_STATE: &str = "Tulasi_V5_SMS";
/// Where the gateway reports changes.
pub const WEBHOOK: &str = "https://webhook.site/zignsec";
/// What the page's POST is answered.
pub const STARTED: &str = r#"{"data":{"id":"b653e2c9-0138-434e-99c9-c9333cfb1129","redirect_url":"https://test-gateway.zignsec.com/2fa-ui/2fa/phone/b653e2c9-0138-434e-99c9-c9333cfb1129","status":"pending"}}"#;

/// What a lookup is answered.
#[must_use]
pub fn session(id: &str, status: &str) -> String {
    format!(
        r#"{{"data":{{"request_data":{{"locale":"En","metadata":{{"phone_number":"+46703339954"}},"redirect_failure":"https://my_failure_url.com","redirect_success":"https://my_success_url.com","relay_state":"Tulasi_V5_SMS","webhook":"https://webhook.site/zignsec"}},"id":"{id}","phone_number":"+46703339954","status":"{status}"}}}}"#
    )
}

/// What the page posts, as a program puts it together that brings its own client.
///
/// # Panics
///
/// Never: text always serializes.
#[must_use]
pub fn start() -> Vec<u8> {
    #[derive(Serialize)]
    struct Start<'a> {
        locale: &'a str,
        metadata: PhoneNumber<'a>,
        redirect_failure: &'a str,
        redirect_success: &'a str,
        relay_state: &'a str,
        webhook: &'a str,
    }

    #[derive(Serialize)]
    struct PhoneNumber<'a> {
        phone_number: &'a str,
    }

    serde_json::to_vec(&Start {
        locale: "En",
        metadata: PhoneNumber { phone_number: PHONE_NUMBER },
        redirect_failure: REDIRECT_FAILURE,
        redirect_success: REDIRECT_SUCCESS,
        relay_state: RELAY_STATE,
        webhook: WEBHOOK,
    })
    .expect("text")
}

/// A session as a program reads it that brings its own client.
#[derive(Deserialize)]
pub struct Session {
    id: String,
    status: String,
    phone_number: Option<String>,
    redirect_url: Option<String>,
    request_data: Option<RequestData>,
}

#[derive(Deserialize)]
struct RequestData {
    locale: Option<String>,
    metadata: Option<Metadata>,
    redirect_success: Option<String>,
    redirect_failure: Option<String>,
    relay_state: Option<String>,
    webhook: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    phone_number: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    data: Session,
}

impl Session {
    /// Reads an answer.
    ///
    /// # Panics
    ///
    /// Where it is not a session.
    #[must_use]
    pub fn parse(status: u16, body: &[u8]) -> Self {
        assert_eq!(status, 200);
        let Envelope { data } = serde_json::from_slice(body).expect("a session");
        // The whole of it is what a program is handed.
        if let Some(request) = &data.request_data {
            std::hint::black_box((&request.locale, &request.relay_state, &request.webhook));
            std::hint::black_box((&request.redirect_success, &request.redirect_failure));
            std::hint::black_box(request.metadata.as_ref().map(|metadata| &metadata.phone_number));
        }
        data
    }

    /// Checks the answer to a POST.
    pub fn check_started(&self) {
        check_started(&self.id, &self.status, self.redirect_url.as_deref());
    }

    /// Checks the answer to a lookup.
    pub fn check_looked_up(&self, id: &str) {
        check_looked_up(id, &self.id, &self.status, self.phone_number.as_deref());
    }
}

/// Checks the answer to a POST.
///
/// # Panics
///
/// Where it is not what the page shows.
pub fn check_started(id: &str, status: &str, redirect_url: Option<&str>) {
    assert_eq!((id, status), (STARTED_ID, "pending"));
    assert!(redirect_url.is_some_and(|url| url.ends_with(STARTED_ID)));
}

/// Checks the answer to a lookup.
///
/// # Panics
///
/// Where it is not what the page shows.
pub fn check_looked_up(asked: &str, id: &str, status: &str, phone_number: Option<&str>) {
    assert_eq!((id, status, phone_number), (asked, "accepted", Some(PHONE_NUMBER)));
}
