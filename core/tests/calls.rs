//! Starting and fetching sessions with the public client, against the sandbox.

#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

use std::io::{Read, Write};

use zignsec::{Client, ErrorKind, Phone2faRequest, SessionStatus};
use zignsec_sandbox::{Action, Fault, Sandbox, ScriptedAnswer};

fn client(sandbox: &Sandbox) -> Client {
    Client::builder(sandbox.api_key()).base_url(sandbox.url()).build().unwrap()
}

fn documented_request() -> Phone2faRequest {
    Phone2faRequest::new("+46703339954")
        .redirect_success("https://my_success_url.com")
        .redirect_failure("https://my_failure_url.com")
        .relay_state("Tulasi_V5_SMS")
        .webhook("https://webhook.site/zignsec")
}

#[test]
fn an_accepted_session_is_verified_and_returns_the_request_data() {
    let sandbox = Sandbox::start().unwrap();
    let client = client(&sandbox);

    let session = client.start_phone_2fa(&documented_request()).unwrap();
    assert_eq!(session.status(), SessionStatus::Pending);
    assert!(session.redirect_url().unwrap().ends_with(session.id()));
    assert!(!session.is_verified() && !session.is_final());

    sandbox.user(session.id(), Action::Accept).unwrap();
    let session = client.get_session(session.id()).unwrap();
    assert_eq!(session.status_text(), "accepted");
    assert!(session.is_verified() && session.is_final());
    assert_eq!(session.phone_number(), Some("+46703339954"));
    assert_eq!(session.locale(), Some("En"));
    assert_eq!(session.redirect_success(), Some("https://my_success_url.com"));
    assert_eq!(session.redirect_failure(), Some("https://my_failure_url.com"));
    assert_eq!(session.relay_state(), Some("Tulasi_V5_SMS"));
    assert_eq!(session.webhook(), Some("https://webhook.site/zignsec"));
}

#[test]
fn the_largest_request_and_its_responses_fit_into_every_limit() {
    let sandbox = Sandbox::start().unwrap();
    let client = client(&sandbox);
    let url = format!("https://example.com/{}", "x".repeat(65_514));
    for (character, times) in [('\u{1}', 16_384), ('"', 16_384), ('å', 8192), ('\u{1f600}', 4096)]
    {
        let relay_state = character.to_string().repeat(times);
        let request = documented_request()
            .redirect_success(&url)
            .redirect_failure(&url)
            .webhook(&url)
            .relay_state(&relay_state);
        let id = client.start_phone_2fa(&request).unwrap().id().to_owned();
        sandbox.user(&id, Action::Accept).unwrap();
        let session = client.get_session(&id).unwrap();
        assert!(session.is_verified_for("+46703339954"));
        assert_eq!(session.relay_state(), Some(&*relay_state));
        assert_eq!(session.webhook(), Some(&*url));

        // A gateway that escapes every character that is not ASCII.
        let escaped: String =
            relay_state.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let body = format!(
            r#"{{"data":{{"id":"{id}","status":"accepted","request_data":{{"relay_state":"{escaped}",
            "webhook":"{url}","redirect_success":"{url}","redirect_failure":"{url}"}}}}}}"#
        );
        sandbox.arm(Fault::Answer(ScriptedAnswer::new(200, body)), 1).unwrap();
        let session = client.get_session(&id).unwrap();
        assert_eq!(session.relay_state(), Some(&*relay_state));
    }
}

#[test]
fn a_session_without_success_is_not_verified() {
    let sandbox = Sandbox::start().unwrap();
    let client = client(&sandbox);
    for (action, status) in [
        (Action::Fail, SessionStatus::Failed),
        (Action::Cancel, SessionStatus::Cancelled),
        (Action::WrongCode, SessionStatus::Pending),
        (Action::Abandon, SessionStatus::Pending),
    ] {
        let id = client.start_phone_2fa(&documented_request()).unwrap().id().to_owned();
        sandbox.user(&id, action).unwrap();
        let session = client.get_session(&id).unwrap();
        assert_eq!(session.status(), status, "{action:?}");
        assert!(!session.is_verified(), "{action:?}");
    }
}

#[test]
fn each_request_has_exactly_the_documented_headers() {
    let sandbox = Sandbox::start().unwrap();
    let client = client(&sandbox);
    let id = client.start_phone_2fa(&documented_request()).unwrap().id().to_owned();
    client.start_phone_2fa(&documented_request().csrf_token("token")).unwrap();
    client.get_session(&id).unwrap();

    let requests = sandbox.requests();
    let names = |at: usize| requests[at].headers.keys().map(String::as_str).collect::<Vec<_>>();
    let post = [
        "accept",
        "accept-encoding",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "user-agent",
    ];
    assert_eq!(names(2), post);
    assert_eq!(names(1), [&post[..], &["x-csrf-token"]].concat());
    assert_eq!(names(0), ["accept", "accept-encoding", "authorization", "host", "user-agent"]);
    assert_eq!(requests[1].headers["x-csrf-token"], "token");
    assert_eq!(requests[0].headers["accept"], "application/json");
    assert_eq!(requests[2].headers["content-type"], "application/json");
    assert!(requests[0].headers["user-agent"].starts_with("zignsec/"));
    // All three were sent on the same connection.
    assert!(requests.iter().all(|request| request.connection == requests[0].connection));
}

#[test]
fn the_key_can_be_sent_in_the_header_zs_product_key() {
    let sandbox = Sandbox::start().unwrap();
    let client = Client::builder(sandbox.api_key())
        .base_url(sandbox.url())
        .auth_scheme(zignsec::AuthScheme::ZsProductKey)
        .user_agent("bank/1.0")
        .build()
        .unwrap();
    client.start_phone_2fa(&documented_request()).unwrap();
    let headers = &sandbox.requests()[0].headers;
    assert!(headers.contains_key("zs-product-key") && !headers.contains_key("authorization"));
    assert_eq!(headers["user-agent"], "bank/1.0");
}

#[test]
fn the_secondary_key_is_tried_once_after_a_401_and_kept_if_it_works() {
    let sandbox = Sandbox::start().unwrap();
    let client = Client::builder("retired-key")
        .secondary_api_key(sandbox.api_key())
        .base_url(sandbox.url())
        .build()
        .unwrap();
    let statuses = || {
        let seen = sandbox.requests().iter().rev().map(|r| r.status.unwrap()).collect::<Vec<_>>();
        sandbox.reset();
        seen
    };
    let id = client.start_phone_2fa(&documented_request()).unwrap().id().to_owned();
    client.get_session(&id).unwrap();
    assert_eq!(statuses(), [401, 200, 200]);

    let client = Client::builder("retired-key")
        .secondary_api_key("another")
        .base_url(sandbox.url())
        .build()
        .unwrap();
    for _ in 0..2 {
        let error = client.start_phone_2fa(&documented_request()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Authentication);
        assert_eq!((error.attempts(), error.in_doubt()), (2, false));
        assert_eq!(statuses(), [401, 401]);
    }
}

#[test]
fn an_unknown_session_is_not_found() {
    let sandbox = Sandbox::start().unwrap();
    let error = client(&sandbox).get_session("55c20771-9d75-4241-8e0f-94d3a37671ca").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.http_status(), Some(404));
}

#[test]
fn only_certificates_of_the_ca_file_are_trusted() {
    let sandbox = Sandbox::builder().tls(true).start().unwrap();
    let client = Client::builder(sandbox.api_key())
        .base_url(sandbox.url())
        .ca_file(sandbox.ca_file().unwrap())
        .build()
        .unwrap();
    client.start_phone_2fa(&documented_request()).unwrap();

    let other = Sandbox::builder().tls(true).start().unwrap();
    for builder in [
        Client::builder(sandbox.api_key()),
        Client::builder(sandbox.api_key()).ca_file(other.ca_file().unwrap()),
    ] {
        let client = builder.base_url(sandbox.url()).build().unwrap();
        let error = client.start_phone_2fa(&documented_request()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
        assert!(error.message().contains("certificate"), "{error}");
    }
    assert_eq!(sandbox.requests().len(), 1);
}

#[test]
fn the_client_certificate_is_sent_if_the_gateway_requests_one() {
    let sandbox = Sandbox::builder().tls(true).start().unwrap();
    let ca_file = sandbox.ca_file().unwrap();
    let client = Client::builder(sandbox.api_key())
        .base_url(sandbox.url())
        .ca_file(ca_file)
        .client_cert(ca_file.with_file_name("client.pem"), ca_file.with_file_name("client-key.pem"))
        .build()
        .unwrap();
    sandbox.fault("tls-client-certificate", 1).unwrap();
    client.start_phone_2fa(&documented_request()).unwrap();
}

#[test]
fn a_client_certificate_that_does_not_match_its_key_is_a_configuration_error() {
    let (one, other) = (
        Sandbox::builder().tls(true).start().unwrap(),
        Sandbox::builder().tls(true).start().unwrap(),
    );
    let file = |sandbox: &Sandbox, name| sandbox.ca_file().unwrap().with_file_name(name);
    for (cert, key) in [
        (file(&one, "client.pem"), file(&other, "client-key.pem")),
        (file(&one, "client-key.pem"), file(&one, "client-key.pem")),
        (file(&one, "client.pem"), file(&one, "client.pem")),
        (file(&one, "client.pem"), "".into()),
        ("/nonexistent".into(), file(&one, "client-key.pem")),
    ] {
        let error = Client::builder("key").client_cert(&cert, &key).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert!(error.message().contains("client_"), "{error}");
    }
}

#[test]
fn the_proxy_receives_connect_and_its_error_status_is_reported() {
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = proxy.local_addr().unwrap();
    let proxy_thread = std::thread::spawn(move || {
        let (mut connection, _) = proxy.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            connection.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        connection.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").unwrap();
        String::from_utf8(head).unwrap()
    });
    let client = Client::builder("key")
        .base_url("https://gateway.example")
        .proxy(format!("http://user:secret@{address}"))
        .build()
        .unwrap();
    let error = client.start_phone_2fa(&documented_request()).unwrap_err();
    let request = proxy_thread.join().unwrap();
    assert!(request.starts_with("CONNECT gateway.example:443 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("Proxy-Authorization: Basic "), "{request}");
    assert!(!request.contains("key"), "{request}");
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
    let expected = format!(
        "https://gateway.example: proxy http://{address}: could not connect: the proxy returned \
         HTTP 403; the proxy must allow connections to the gateway"
    );
    assert_eq!(error.message(), expected);
    assert_eq!((error.attempts(), error.in_doubt()), (1, false));
    // Nobody listens there any more.
    let error = client.start_phone_2fa(&documented_request()).unwrap_err();
    let name = if cfg!(windows) { "WSAECONNREFUSED" } else { "ECONNREFUSED" };
    let expected = format!(
        "https://gateway.example: proxy http://{address}: could not connect: connection refused \
         ({name}); check the proxy and its address"
    );
    assert_eq!((error.kind(), error.message()), (ErrorKind::Connect, &*expected));
}

#[test]
fn the_name_localhost_reaches_the_sandbox() {
    let sandbox = Sandbox::start().unwrap();
    let port = sandbox.url().rsplit(':').next().unwrap();
    let client = Client::builder(sandbox.api_key())
        .base_url(format!("http://localhost:{port}/"))
        .build()
        .unwrap();
    client.start_phone_2fa(&documented_request()).unwrap();
}

#[test]
fn secrets_in_a_response_are_masked_in_the_message() {
    let sandbox = Sandbox::start().unwrap();
    let body = format!(
        r#"{{"error":{{"message":"no {} for +46703339954 at https://a.example/b?token=t"}}}}"#,
        sandbox.api_key()
    );
    let response = ScriptedAnswer::new(403, body.clone()).header("x-correlation-id", "r-1");
    sandbox.arm(Fault::Answer(response), 1).unwrap();
    let error = client(&sandbox).start_phone_2fa(&documented_request()).unwrap_err();
    let text = format!("{error} {error:?}");
    for secret in [sandbox.api_key(), "3339954", "token=t"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(text.contains("https://a.example/b"), "{text}");
    assert_eq!(error.body(), Some(body.replace(sandbox.api_key(), "[key]").as_str()));
    assert!(error.request_id().is_some());
}

#[test]
fn a_response_body_is_limited_to_one_mebibyte() {
    const MEBIBYTE: usize = 1024 * 1024;
    let sandbox = Sandbox::start().unwrap();
    let client = client(&sandbox).with_max_retries(0);
    let respond = |status, length: usize| {
        let session = r#"{"data":{"id":"a","status":"accepted"}}"#;
        let body = session.to_owned() + &" ".repeat(length - session.len());
        sandbox.arm(Fault::Answer(ScriptedAnswer::new(status, body)), 1).unwrap();
        client.get_session("a")
    };
    assert!(respond(200, MEBIBYTE).unwrap().is_verified());
    let error = respond(200, MEBIBYTE + 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.message().contains("larger than 1 MiB"), "{error}");
    // An error response that is too large still reports its status and the start of its body.
    let error = respond(500, 2 * MEBIBYTE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    assert_eq!(error.body().unwrap().len(), 64 * 1024);
}

#[test]
fn threads_can_share_a_client() {
    let sandbox = Sandbox::start().unwrap();
    let client = client(&sandbox);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let client = &client;
            scope.spawn(move || {
                for call in 0..20 {
                    let state = format!("{thread}/{call}");
                    let request = documented_request().relay_state(&state);
                    let id = client.start_phone_2fa(&request).unwrap().id().to_owned();
                    let session = client.get_session(&id).unwrap();
                    assert_eq!(session.relay_state(), Some(state.as_str()));
                }
            });
        }
    });
}
