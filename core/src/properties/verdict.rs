//! For every response: what contradicts the verdict denies it, wherever it is.

use bolero::{Driver, ValueGenerator, check};
use serde_json::{Value, json};

use super::bodies::{self, SESSION_ID};
use super::{below, one_in, pick};
use crate::decode::decode;
use crate::endpoint::ApiRequest;

/// Where a contradiction is put.
const PLACES: [&[&str]; 4] = [&[], &["result"], &["data"], &["data", "result"]];

const NON_EMPTY: [&str; 12] = [
    "\"x\"",
    "\" \"",
    "0",
    "-1",
    "1e99",
    "true",
    "false",
    "[null]",
    "[[]]",
    "[{}]",
    "{\"\":0}",
    "{\"code\":\"x\"}",
];

/// Statuses that contradict in an envelope; in a result, all others do too, except the two words.
const NOT_VERIFYING: [&str; 13] = [
    "created",
    "ready_to_start",
    "Generated-Link",
    "pending",
    "FAILED",
    "failed",
    "cancelled",
    "canceled",
    "declined",
    "rejected",
    "time out",
    "timeout",
    "expired",
];

const NO_OBJECT: [&str; 8] =
    ["\"failed\"", "\"\"", "0", "true", "false", "[]", "[{}]", "\"accepted\""];

/// Each contradiction that can be put at a place: a name and a value.
fn contradictions(place: &[&str]) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut add = |names: &[&str], value: &str| {
        all.extend(names.iter().map(|name| ((*name).to_owned(), value.to_owned())));
    };
    for value in NON_EMPTY {
        add(&["errors", "error", "Errors", "ERROR", "eRRors"], value);
    }
    let in_result = place.last() == Some(&"result");
    for status in NOT_VERIFYING {
        let names: &[&str] = if place == ["data"] { &["Status"] } else { &["status", "STATUS"] };
        add(names, &json!(status).to_string());
    }
    if in_result {
        for status in ["null", "\"\"", "\"ok\"", "\"accepted \"", "200", "true", "[]", "{}"] {
            add(&["status", "Status"], status);
        }
    } else {
        for result in NO_OBJECT {
            add(&["result", "RESULT"], result);
        }
    }
    all
}

fn verdict(body: &str) -> Option<bool> {
    let session = decode(body, &ApiRequest::Get { session_id: SESSION_ID }).ok()?;
    Some(session.is_verified())
}

/// The object at a place, which is created if it is missing.
fn at<'a>(body: &'a mut Value, place: &[&str]) -> &'a mut serde_json::Map<String, Value> {
    let found = place.iter().fold(body, |object, name| {
        object.as_object_mut().unwrap().entry(*name).or_insert_with(|| json!({}))
    });
    found.as_object_mut().unwrap()
}

#[test]
fn each_contradiction_denies_the_verdict_at_each_place() {
    let session = json!({"id": SESSION_ID, "status": "accepted", "phone_number": "+46701740605"});
    let mut count = 0;
    for more in [json!({}), json!({"result": {"status": "finished", "errors": []}, "errors": null})]
    {
        let mut data = session.clone();
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let body = json!({"id": "another", "status": "ok", "errors": {}, "data": data});
        assert_eq!(verdict(&body.to_string()), Some(true));
        for place in PLACES {
            for (name, value) in contradictions(place) {
                let mut body = body.clone();
                let object = at(&mut body, place);
                if *place != ["data"] || name != "Status" {
                    object.remove(&name.to_lowercase());
                }
                // The value is inserted as text, as a gateway would write it.
                object.insert(name.clone(), json!("@"));
                let text = body.to_string().replace("\"@\"", &value);
                assert_eq!(verdict(&text), Some(false), "{text}");
                count += 1;
            }
        }
        // A session that is not in an envelope.
        for (name, value) in contradictions(&["data"]) {
            let mut data = data.clone();
            data.as_object_mut().unwrap().remove(&name);
            let text = data.to_string().replacen('{', &format!("{{\"{name}\":{value},"), 1);
            assert!(verdict(&text).is_none_or(|verified| !verified), "{text}");
            count += 1;
        }
    }
    println!("{count} contradictions, none overlooked");
    assert!(count > 900, "{count}");
}

/// A random response, and the same response with a contradiction.
#[derive(Debug)]
struct Case {
    contradicted: String,
}

struct Cases;

impl ValueGenerator for Cases {
    type Output = Case;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Case> {
        let place = pick(driver, &PLACES)?;
        let all = contradictions(place);
        let (name, value) = &all[below(driver, all.len())?];
        let mut text = format!("\"{name}\":{value}");
        if place.last() == Some(&"result") {
            text = format!("\"result\":{{{text}}}");
        }
        let in_data = place.first() == Some(&"data");
        let insert = |object: &str, field: &str| {
            let rest = object.trim_start().strip_prefix('{').unwrap().trim_start().to_owned();
            if rest.starts_with('}') {
                format!("{{{field}{rest}")
            } else {
                format!("{{{field},{rest}")
            }
        };
        let mut session = bodies::session(driver)?;
        if in_data {
            session = insert(&session, &text);
        }
        let mut body = format!("{{\"data\":{session}}}");
        if one_in(driver, 2)? {
            let name = pick(driver, &["meta", "id", "status", "message"])?;
            let value = bodies::value(driver, name, 2)?;
            body = insert(&body, &format!("\"{name}\":{value}"));
        }
        Some(Case { contradicted: if in_data { body } else { insert(&body, &text) } })
    }
}

#[test]
fn a_random_response_with_a_contradiction_is_never_verified() {
    check!().with_generator(Cases).for_each(|case| {
        assert_ne!(verdict(&case.contradicted), Some(true), "{}", case.contradicted);
    });
}
