//! JSON lists as responses. A long list is sent in pieces, so that a client that does not read it
//! holds one piece and not a copy of the list.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;

use crate::budget::{Budget, FREE_RESPONSE, with_reservation};

/// Reserved for one list: more than the largest entry and the buffers of its connection.
const LIST_BYTES: usize = 512 << 10;

/// Responds with all entries as a JSON array. `next` returns the entry that follows a position, and
/// its own position.
pub(crate) async fn respond<T: Serialize>(
    budget: &Budget,
    next: impl FnMut(Option<u64>) -> Option<(u64, T)> + Send + 'static,
) -> Response {
    let mut pieces = Pieces { next, position: None, state: State::Start };
    let first = pieces.piece();
    let body = if pieces.state == State::End {
        Body::from(first)
    } else {
        drop(first);
        let reserved = match budget.reserve_response(LIST_BYTES).await {
            Ok(reserved) => Arc::new(reserved),
            Err(problem) => return problem.into_response(),
        };
        pieces = Pieces { next: pieces.next, position: None, state: State::Start };
        Body::from_stream(stream::unfold(pieces, move |mut pieces| {
            let reserved = reserved.clone();
            async move {
                let piece = (pieces.state != State::End).then(|| pieces.piece())?;
                Some((Ok::<_, std::convert::Infallible>(with_reservation(piece, reserved)), pieces))
            }
        }))
    };
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], body).into_response()
}

struct Pieces<F> {
    next: F,
    position: Option<u64>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Middle,
    End,
}

impl<F> Pieces<F> {
    /// The next part of the array.
    fn piece<T: Serialize>(&mut self) -> Bytes
    where
        F: FnMut(Option<u64>) -> Option<(u64, T)>,
    {
        let mut json = Vec::new();
        while json.len() < FREE_RESPONSE {
            let entry = (self.next)(self.position);
            if self.state == State::Start {
                json.push(b'[');
            } else if entry.is_some() {
                json.push(b',');
            }
            let Some((position, entry)) = entry else {
                json.push(b']');
                self.state = State::End;
                break;
            };
            // Entries are structs of strings and numbers, which can always be serialised.
            let _ = serde_json::to_writer(&mut json, &entry);
            (self.position, self.state) = (Some(position), State::Middle);
        }
        json.into()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn short_and_long_lists_are_complete_and_the_memory_is_released() {
        let budget = Budget::new();
        for (entries, size) in [(0, 1), (1, 1), (3, 100), (500, 50), (20, 100_000)] {
            let list: Vec<String> =
                (0..entries).map(|n| format!("{n}{}", "x".repeat(size))).collect();
            let expected = serde_json::to_value(&list).unwrap();
            let next = move |position: Option<u64>| {
                let position = position.map_or(0, |position| position + 1);
                list.get(position as usize).map(|entry| (position, entry.clone()))
            };
            let response = respond(&budget, next).await;
            let json = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(serde_json::from_slice::<serde_json::Value>(&json).unwrap(), expected);
        }
        assert!(budget.reserve_response(16 << 20).await.is_ok());
    }

    #[tokio::test]
    async fn lists_that_nobody_reads_are_limited() {
        let budget = Budget::new();
        let list = || {
            respond(&budget, |position: Option<u64>| {
                let position = position.map_or(0, |position| position + 1);
                (position < 100).then(|| (position, "x".repeat(10_000)))
            })
        };
        let mut unread = Vec::new();
        for _ in 0..40 {
            let response = list().await;
            if response.status() != 200 {
                break;
            }
            unread.push(response);
        }
        assert_eq!(unread.len(), 32);
        unread.pop();
        assert_eq!(list().await.status(), 200);
    }
}
