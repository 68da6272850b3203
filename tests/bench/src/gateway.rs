//! The requests and responses of the gateway's documentation, and how a program reads them.

use serde::{Deserialize, Serialize};

/// The API key that is sent. The server does not check it.
pub const KEY: &str = "bench-key";
/// The `user-agent` that clients send; it is as long as the user agent of the library.
pub const USER_AGENT: &str = "zignsec/0.1.0";
/// The path that starts a session.
pub const START_PATH: &str = "/core/api/sessions/two_factor_auth/phone";
/// The path of a lookup, without the session's id.
pub const SESSION_PATH: &str = "/core/api/sessions/";
/// The id of the session in the documented lookup.
pub const ID: &str = "55c20771-9d75-4241-8e0f-94d3a37671ca";
/// The id of the session in the documented POST.
pub const STARTED_ID: &str = "b653e2c9-0138-434e-99c9-c9333cfb1129";
/// The user's phone number.
pub const PHONE_NUMBER: &str = "+46703339954";
/// The URL for a user who was verified.
pub const REDIRECT_SUCCESS: &str = "https://my_success_url.com";
/// The URL for any other user.
pub const REDIRECT_FAILURE: &str = "https://my_failure_url.com";
/// The caller's text.
pub const RELAY_STATE: &str = "Tulasi_V5_SMS";
/// The URL for webhooks.
pub const WEBHOOK: &str = "https://webhook.site/zignsec";
/// The response to the POST.
pub const STARTED: &str = r#"{"data":{"id":"b653e2c9-0138-434e-99c9-c9333cfb1129","redirect_url":"https://test-gateway.zignsec.com/2fa-ui/2fa/phone/b653e2c9-0138-434e-99c9-c9333cfb1129","status":"pending"}}"#;

/// The response to a lookup.
#[must_use]
pub fn session(id: &str, status: &str) -> String {
    format!(
        r#"{{"data":{{"request_data":{{"locale":"En","metadata":{{"phone_number":"+46703339954"}},"redirect_failure":"https://my_failure_url.com","redirect_success":"https://my_success_url.com","relay_state":"Tulasi_V5_SMS","webhook":"https://webhook.site/zignsec"}},"id":"{id}","phone_number":"+46703339954","status":"{status}"}}}}"#
    )
}

/// The body of the POST, as a program without this library builds it.
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

/// A session, as a program without this library reads it.
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
    /// Reads a response.
    ///
    /// # Panics
    ///
    /// If it is not a session.
    #[must_use]
    pub fn parse(status: u16, body: &[u8]) -> Self {
        assert_eq!(status, 200);
        let Envelope { data } = serde_json::from_slice(body).expect("a session");
        // The library returns all fields, so all of them must be read here too.
        if let Some(request) = &data.request_data {
            std::hint::black_box((&request.locale, &request.relay_state, &request.webhook));
            std::hint::black_box((&request.redirect_success, &request.redirect_failure));
            std::hint::black_box(request.metadata.as_ref().map(|metadata| &metadata.phone_number));
        }
        data
    }

    /// Checks the response to a POST.
    pub fn check_started(&self) {
        check_started(&self.id, &self.status, self.redirect_url.as_deref());
    }

    /// Checks the response to a lookup.
    pub fn check_looked_up(&self, id: &str) {
        check_looked_up(id, &self.id, &self.status, self.phone_number.as_deref());
    }
}

/// Checks the response to a POST.
///
/// # Panics
///
/// If it is not the documented one.
pub fn check_started(id: &str, status: &str, redirect_url: Option<&str>) {
    assert_eq!((id, status), (STARTED_ID, "pending"));
    assert!(redirect_url.is_some_and(|url| url.ends_with(STARTED_ID)));
}

/// Checks the response to a lookup.
///
/// # Panics
///
/// If it is not the documented one.
pub fn check_looked_up(requested: &str, id: &str, status: &str, phone_number: Option<&str>) {
    assert_eq!((id, status, phone_number), (requested, "accepted", Some(PHONE_NUMBER)));
}
