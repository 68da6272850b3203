//! The admin routes, the Rust API and TLS.

#![allow(clippy::unwrap_used, reason = "a panic in a helper fails the test")]

mod common;

use std::time::Duration;

use common::*;
use serde_json::json;
use zignsec_sandbox::{Action, Sandbox};

#[test]
fn scripted_user_works_over_http() {
    let sandbox = Sandbox::start().unwrap();
    let id = start(&sandbox, PHONE);
    let path = format!("/_sandbox/sessions/{id}/user");
    assert_eq!(
        post(&sandbox, &path, json!({"action": "wrong-code"})).json(),
        json!({"status": "pending", "location": null})
    );
    let accepted = json!({"status": "accepted", "location": "https://my_success_url.com"});
    assert_eq!(post(&sandbox, &path, json!({"action": "accept"})).json(), accepted);
    assert_eq!(post(&sandbox, &path, json!({"action": "accept"})).status, 409);
    assert_eq!(post(&sandbox, &path, json!({"action": "dance"})).status, 422);
    assert_eq!(post(&sandbox, &path, json!({})).status, 422);
    assert_eq!(post(&sandbox, &path, "").status, 400);
    assert_eq!(
        post(&sandbox, "/_sandbox/sessions/x/user", json!({"action": "accept"})).status,
        404
    );
}

#[test]
fn sms_query_accepts_an_unescaped_plus() {
    let sandbox = Sandbox::start().unwrap();
    let (ours, other) = (start(&sandbox, "+46701740605"), start(&sandbox, PHONE));
    sandbox.user(&other, Action::Abandon).unwrap();
    sandbox.user(&ours, Action::Abandon).unwrap();
    for to in ["%2B46701740605", "+46701740605"] {
        let found = get(&sandbox, &format!("/_sandbox/sms?to={to}&wait=5")).json();
        assert_eq!(found.as_array().unwrap().len(), 1, "{to}");
        assert_eq!(
            (&found[0]["to"], &found[0]["session_id"]),
            (&json!("+46701740605"), &json!(ours))
        );
        let code = found[0]["code"].as_str().unwrap();
        assert!(code.len() == 5 && found[0]["text"].as_str().unwrap().contains(code));
    }
    let all = get(&sandbox, "/_sandbox/sms").json();
    assert_eq!(
        all.as_array()
            .unwrap()
            .iter()
            .map(|sms| sms["session_id"].as_str().unwrap())
            .collect::<Vec<_>>(),
        [ours, other]
    );
    assert_eq!(get(&sandbox, "/_sandbox/sms?to=%2B4670000000").json(), json!([]));
    assert_eq!(get(&sandbox, "/_sandbox/sms?wait=-1").status, 422);
    assert_eq!(get(&sandbox, "/_sandbox/sms?wait=soon").status, 422);
}

#[test]
fn waiting_for_an_sms_ends_when_it_is_delivered() {
    let sandbox = Sandbox::start().unwrap();
    let id = start(&sandbox, PHONE);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| sandbox.sms(PHONE, TIMEOUT));
        sandbox.user(&id, Action::Abandon).unwrap();
        assert_eq!(waiter.join().unwrap()[0].session_id, id);
    });
    assert!(sandbox.sms("+4670000000", Duration::from_millis(10)).is_empty());
}

#[test]
fn request_log_is_newest_first_and_redacts_the_key() {
    let sandbox = Sandbox::builder().api_key("very-secret").start().unwrap();
    let id = start(&sandbox, PHONE);
    get(&sandbox, &lookup(&id));
    get(&sandbox, "/_sandbox/sessions");
    let list = get(&sandbox, "/_sandbox/requests");
    assert!(!list.text().contains("very-secret"));
    let list = list.json();
    assert_eq!(list.as_array().unwrap().len(), 2);
    let keys: Vec<_> = list[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["at", "body", "connection", "headers", "id", "method", "path", "status"]);
    assert_eq!((&list[0]["method"], &list[0]["path"]), (&json!("GET"), &json!(lookup(&id))));
    assert_eq!(list[0]["headers"]["authorization"], "[redacted]");
    assert_eq!((&list[1]["method"], &list[1]["status"]), (&json!("POST"), &json!(200)));
    assert!(list[1]["body"].as_str().unwrap().contains(PHONE));
    assert_ne!(list[0]["connection"], list[1]["connection"]);
}

#[test]
fn waiting_for_a_request_ends_when_it_arrives() {
    let sandbox = Sandbox::start().unwrap();
    std::thread::scope(|scope| {
        let waiter = scope
            .spawn(|| sandbox.wait_for_request(|request| request.status == Some(404), TIMEOUT));
        get(&sandbox, &lookup("nobody"));
        assert_eq!(waiter.join().unwrap().unwrap().path, lookup("nobody"));
    });
    assert!(sandbox.wait_for_request(|_| false, Duration::from_millis(10)).is_none());
}

#[test]
fn admin_route_returns_the_code_of_a_session() {
    let sandbox = Sandbox::start().unwrap();
    let id = start(&sandbox, PHONE);
    assert_eq!(get(&sandbox, &format!("/_sandbox/sessions/{id}")).json()["code"], json!(null));
    sandbox.user(&id, Action::Abandon).unwrap();
    let view = get(&sandbox, &format!("/_sandbox/sessions/{id}")).json();
    assert_eq!(
        (&view["step"], &view["code"]),
        (&json!("code-sent"), &json!(sandbox.sms(PHONE, TIMEOUT)[0].code))
    );
    assert_eq!(get(&sandbox, "/_sandbox/sessions").json(), json!([view]));
    assert_eq!(get(&sandbox, "/_sandbox/sessions/nobody").status, 404);
}

#[test]
fn reset_deletes_all_data_and_restarts_the_seed() {
    let sandbox = Sandbox::builder().seed(1).start().unwrap();
    let id = start(&sandbox, PHONE);
    sandbox.user(&id, Action::Abandon).unwrap();
    sandbox.fault("http-500", 5).unwrap();
    assert_eq!(post(&sandbox, "/_sandbox/reset", "").status, 200);
    assert!(sandbox.sessions().is_empty() && sandbox.requests().is_empty());
    assert_eq!(get(&sandbox, "/_sandbox/sms").json(), json!([]));
    assert_eq!(start(&sandbox, PHONE), id);
}

#[test]
fn tls_certificate_is_trusted_only_with_the_ca_file() {
    let sandbox = Sandbox::builder().tls(true).start().unwrap();
    let ca_file = sandbox.ca_file().unwrap().to_owned();
    let pem = std::fs::read(&ca_file).unwrap();
    let url =
        format!("https://localhost:{}{}", sandbox.url().rsplit(':').next().unwrap(), lookup("x"));
    let trusting = |roots| {
        let tls = ureq::tls::TlsConfig::builder().root_certs(roots).build();
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .tls_config(tls)
            .build()
            .into();
        [&url, &url.replace("localhost", "127.0.0.1")].map(|url| {
            agent
                .get(url)
                .header("authorization", "sandbox-key")
                .call()
                .map(|response| response.status().as_u16())
        })
    };
    let ca = ureq::tls::Certificate::from_pem(&pem).unwrap();
    for response in trusting(ureq::tls::RootCerts::new_with_certs(&[ca])) {
        assert_eq!(response.unwrap(), 404);
    }
    for response in trusting(ureq::tls::RootCerts::WebPki) {
        assert!(response.is_err());
    }
    assert!(sandbox.url().starts_with("https://127.0.0.1:"));
    sandbox.stop();
    assert!(!ca_file.exists());
}

#[test]
fn tls_port_accepts_plain_http_for_admin_routes_only() {
    let sandbox = Sandbox::builder().tls(true).start().unwrap();
    let plain = sandbox.url().replace("https", "http");
    assert_eq!(agent().get(format!("{plain}/_sandbox/health")).call().unwrap().status(), 200);
    assert_eq!(agent().get(format!("{plain}{}", lookup("x"))).call().unwrap().status(), 400);
}

#[test]
fn stopping_frees_the_port_and_closes_connections() {
    let sandbox = Sandbox::start().unwrap();
    let port = address(&sandbox).rsplit(':').next().unwrap().parse().unwrap();
    sandbox.fault("stall", 1).unwrap();
    let mut stalled = socket(&sandbox);
    std::io::Write::write_all(&mut stalled, raw_lookup(&sandbox, "x").as_bytes()).unwrap();
    sandbox.wait_for_request(|_| true, TIMEOUT).unwrap();
    sandbox.stop();
    let ended = std::io::Read::read(&mut stalled, &mut [0]);
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    drop(Sandbox::builder().port(port).start().unwrap());
}

#[test]
fn foreign_hosts_and_origins_are_rejected() {
    let sandbox = Sandbox::builder().allow_host("gateway.test").start().unwrap();
    let port = address(&sandbox).rsplit(':').next().unwrap();
    let send = |method: &str, path: &str, headers: &str| {
        let (response, _) = exchange(
            &sandbox,
            &format!(
                "{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: 0\r\n\
                 {headers}\r\n\r\n"
            ),
        );
        String::from_utf8_lossy(&response)[9..12].parse::<u16>().unwrap()
    };
    for (host, status) in [
        (format!("127.0.0.1:{port}"), 200),
        ("localhost".to_owned(), 200),
        ("a.LOCALHOST:1".to_owned(), 200),
        ("[::1]:80".to_owned(), 200),
        ("gateway.test".to_owned(), 200),
        ("evil.example".to_owned(), 403),
        ("127.0.0.1.evil.example".to_owned(), 403),
        ("10.0.0.1".to_owned(), 403),
        (String::new(), 403),
        (" localhost ".to_owned(), 200),
        ("[[127.0.0.1]]".to_owned(), 403),
        ("[127.0.0.1]".to_owned(), 403),
        (".localhost".to_owned(), 403),
        ("localhost.".to_owned(), 403),
        ("127.0.0.1:99999999".to_owned(), 403),
        ("localhost:".to_owned(), 403),
        ("[::1".to_owned(), 403),
        ("::1".to_owned(), 403),
        ("[::ffff:127.0.0.1]".to_owned(), 403),
        ("user@localhost".to_owned(), 403),
        ("local host".to_owned(), 403),
        ("localhost, localhost".to_owned(), 403),
        ("2130706433".to_owned(), 403),
        ("0x7f.1".to_owned(), 403),
        ("127.1".to_owned(), 403),
        ("%6cocalhost".to_owned(), 403),
        ("l\u{f6}calhost".to_owned(), 403),
        ("gateway.test.".to_owned(), 403),
        ("x.gateway.test".to_owned(), 403),
    ] {
        assert_eq!(send("GET", "/_sandbox/health", &format!("host: {host}")), status, "{host}");
    }
    for (target, host, status) in [
        (format!("http://127.0.0.1:{port}/_sandbox/health"), format!("127.0.0.1:{port}"), 200),
        ("http://LOCALHOST/_sandbox/health".to_owned(), "localhost".to_owned(), 200),
        ("http://evil.example/_sandbox/health".to_owned(), "localhost".to_owned(), 403),
        ("http://localhost/_sandbox/health".to_owned(), "evil.example".to_owned(), 403),
        ("http://localhost/_sandbox/health".to_owned(), "127.0.0.1".to_owned(), 403),
        ("http://localhost:1/_sandbox/health".to_owned(), "localhost:2".to_owned(), 403),
        ("http://user@localhost/_sandbox/health".to_owned(), "localhost".to_owned(), 403),
    ] {
        assert_eq!(send("GET", &target, &format!("host: {host}")), status, "{target} {host}");
    }
    assert_eq!(send("GET", "http://localhost/_sandbox/health", "x: y"), 403);
    let (old, _) = exchange(&sandbox, "GET /_sandbox/health HTTP/1.0\r\n\r\n");
    assert!(old.starts_with(b"HTTP/1.0 403"), "{}", String::from_utf8_lossy(&old));
    assert_eq!(send("GET", "/_sandbox/health", "x: y"), 403);
    let own = address(&sandbox);
    for (origin, status) in [
        (format!("http://{own}"), 200),
        (format!("http://127.0.0.1:{}", port.len()), 403),
        ("http://evil.example".to_owned(), 403),
        ("null".to_owned(), 403),
        (own.to_owned(), 403),
        (format!("http://{own}/"), 403),
        (format!("http://user@{own}"), 403),
        (format!("http://[{own}]"), 403),
        (format!("http://{own}\r\norigin: http://evil.example"), 403),
        (format!("http://evil.example\r\norigin: http://{own}"), 403),
        (format!("ftp://{own}"), 403),
    ] {
        assert_eq!(
            send("POST", "/_sandbox/reset", &format!("host: {own}\r\norigin: {origin}")),
            status,
            "{origin}"
        );
    }
    for (fetch, status) in [
        ("same-origin navigate document", 200),
        ("none navigate document", 200),
        ("cross-site navigate document", 200),
        ("cross-site navigate iframe", 403),
        ("cross-site cors empty", 403),
        ("same-site no-cors image", 403),
    ] {
        let words: Vec<&str> = fetch.split(' ').collect();
        let headers = format!(
            "host: {own}\r\nsec-fetch-site: {}\r\nsec-fetch-mode: {}\r\nsec-fetch-dest: {}",
            words[0], words[1], words[2]
        );
        assert_eq!(send("GET", "/_sandbox/health", &headers), status, "{fetch}");
    }
    let two = format!("host: {own}\r\nhost: evil.example");
    assert_eq!(send("GET", "/_sandbox/health", &two), 403);
}

#[test]
fn clock_only_moves_forward() {
    let sandbox = Sandbox::start().unwrap();
    let now = |response: Response| {
        response.json()["now"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap()
    };
    let before = now(get(&sandbox, "/_sandbox/clock"));
    let after = now(post(&sandbox, "/_sandbox/clock", json!({"advance_s": 90.5})));
    assert!(before.duration_until(after) >= jiff::SignedDuration::from_millis(90_500));
    for bad in [
        json!({"advance_s": -1}),
        json!({"advance_s": "5"}),
        json!({"advance_s": 1e300}),
        json!({"advance_s": null}),
        json!({"advance": 5}),
        json!({}),
        json!([]),
        json!("{"),
    ] {
        assert_eq!(post(&sandbox, "/_sandbox/clock", &bad).status, 422, "{bad}");
    }
    assert_eq!(post(&sandbox, "/_sandbox/clock", "{").status, 400);
    assert_eq!(post(&sandbox, "/_sandbox/clock", "[1]").status, 422, "an array is not an object");
}

#[test]
fn help_and_openapi_description_are_complete() {
    let sandbox = Sandbox::builder().api_key("a-secret-key").start().unwrap();
    let help = get(&sandbox, "/_sandbox/help");
    let names = |list: &str, name: &str| {
        let list = help.json()[list].as_array().unwrap().clone();
        list.iter().map(|entry| entry[name].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for option in ["--port", "--max-attempts", "--chaos", "--seed", "--json"] {
        assert!(names("options", "name").contains(&option.to_owned()), "{option}");
    }
    assert!(names("routes", "path").contains(&"/_sandbox/clock".to_owned()));
    assert!(!help.text().contains("sandbox-key") && !help.text().contains("a-secret-key"));
    let description = get(&sandbox, "/_sandbox/openapi.json").json();
    assert_eq!(description["openapi"], "3.1.0");
    let named = &description["components"]["schemas"]["NamedFault"]["properties"]["fault"]["anyOf"]
        [0]["enum"];
    assert!(named.as_array().unwrap().contains(&json!("reset-on-accept")));
    for (path, methods) in description["paths"].as_object().unwrap() {
        let wrong = agent()
            .patch(format!("{}{}", sandbox.url(), path.replace("{id}", "x")))
            .send("{}")
            .unwrap();
        assert_eq!(wrong.status(), 405, "{path}");
        let allowed = wrong.headers()["allow"].to_str().unwrap().replace("HEAD", "");
        let mut allowed: Vec<_> =
            allowed.split(',').filter(|method| !method.is_empty()).map(str::to_lowercase).collect();
        allowed.sort();
        assert_eq!(
            allowed,
            methods.as_object().unwrap().keys().cloned().collect::<Vec<_>>(),
            "{path}"
        );
    }
}

#[test]
fn every_state_in_help_is_reachable() {
    let sandbox = Sandbox::start().unwrap();
    let act = |action: Option<Action>| {
        let id = start(&sandbox, PHONE);
        if let Some(action) = action {
            sandbox.user(&id, action).unwrap();
        }
        id
    };
    let actions =
        [Action::Abandon, Action::WrongCode, Action::Accept, Action::Fail, Action::Cancel];
    let mut ids = vec![act(None)];
    ids.extend(actions.map(|action| act(Some(action))));
    let seen = |id: &String| {
        let session = sandbox.session(id).unwrap();
        json!({ "step": session.step, "status": session.status })
    };
    let mut reached: Vec<_> = ids.iter().map(seen).collect();
    sandbox.advance(Duration::from_secs(31 * 60));
    reached.push(seen(&ids[0]));
    let help = get(&sandbox, "/_sandbox/help").json();
    let listed: Vec<_> = help["states"]
        .as_array()
        .unwrap()
        .iter()
        .map(|state| json!({ "step": state["step"], "status": state["status"] }))
        .collect();
    assert_eq!(listed, reached);
}

#[test]
fn host_option_sets_the_listen_address() {
    for host in ["127.0.0.1", "0.0.0.0"] {
        let sandbox = Sandbox::builder().host(host.parse().unwrap()).start().unwrap();
        assert!(sandbox.url().starts_with("http://127.0.0.1:"), "{}", sandbox.url());
        assert_eq!(get(&sandbox, "/_sandbox/health").status, 200);
    }
    assert!(Sandbox::builder().host("192.0.2.1".parse().unwrap()).start().is_err());
    assert!(Sandbox::builder().api_key("two words").start().is_err());
}
