//! Delivery of webhooks: order, retries and the faults of level `webhook`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc};

use crate::app::App;
use crate::faults::Fault;
use crate::problem::Problem;
use crate::webhook_client::{self, check_url};
use crate::webhooks::{Event, WebhookAttempt};

/// Pauses before the second attempt, the third and so on, on the sandbox's clock.
const RETRIES_AFTER_SECONDS: [u64; 7] =
    [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600];
/// How late the fault `webhook-late` sends, on the sandbox's clock.
const WEBHOOK_DELAY: Duration = Duration::from_secs(60);
const MAX_CONCURRENT: usize = 32;
/// Limit on the events that the fault `webhook-out-of-order` holds back.
const MAX_HELD_BACK: usize = 100;

/// Delivers each event that arrives on the queue, each in its own task.
pub(crate) async fn deliver_all(app: Arc<App>, mut events: mpsc::UnboundedReceiver<Event>) {
    let permits = Arc::new(Semaphore::new(MAX_CONCURRENT));
    // By session: sent after the next event of the same session.
    let mut held_back = HashMap::<String, Event>::new();
    while let Some(event) = events.recv().await {
        if event.fault == Some(Fault::WebhookOutOfOrder) && held_back.len() < MAX_HELD_BACK {
            held_back.insert(event.session_id.clone(), event);
            continue;
        }
        let held = held_back.remove(&event.session_id);
        let weight = event.weight();
        let Some(generation) = app.enqueue_webhook(weight) else {
            let error = "not sent: the webhook queue is full".to_owned();
            app.record_webhook(&Arc::new(event), Err(error));
            continue;
        };
        let (app, permits) = (app.clone(), permits.clone());
        tokio::spawn(async move {
            deliver(&app, &permits, event, generation).await;
            app.dequeue_webhook(weight);
            if let Some(event) = held {
                deliver(&app, &permits, event, generation).await;
            }
        });
    }
}

async fn deliver(app: &App, permits: &Semaphore, event: Event, generation: u64) {
    let event = Arc::new(event);
    match event.fault {
        Some(Fault::WebhookLost) => {
            app.record_webhook(&event, Err("not sent: an injected fault suppressed it".to_owned()));
            return;
        }
        Some(Fault::WebhookLate) => {
            let due = event.at.saturating_add(WEBHOOK_DELAY).unwrap_or(Timestamp::MAX);
            app.clock.sleep_until(due).await;
        }
        _ => {}
    }
    let mut pauses = RETRIES_AFTER_SECONDS.into_iter().map(Duration::from_secs);
    let mut repeat = event.fault == Some(Fault::WebhookTwice);
    loop {
        if !app.is_current_generation(generation) {
            return;
        }
        let Ok(permit) = permits.acquire().await else { return };
        let attempt = attempt(app, &event).await;
        drop(permit);
        match attempt.status {
            Some(200..=299) if repeat => repeat = false,
            Some(200..=299) => return,
            None if check_url(&app.options, &event.url).is_err() => return,
            _ => {
                let Some(pause) = pauses.next() else { return };
                let next = attempt.at.saturating_add(pause).unwrap_or(Timestamp::MAX);
                app.clock.sleep_until(next).await;
            }
        }
    }
}

/// Sends the webhook of an earlier attempt again.
pub(crate) async fn resend(app: &App, attempt_id: u64) -> Result<WebhookAttempt, Problem> {
    let event = app
        .webhook_event(attempt_id)
        .ok_or_else(|| Problem::webhook_not_found(&attempt_id.to_string()))?;
    Ok(attempt(app, &event).await)
}

async fn attempt(app: &App, event: &Arc<Event>) -> WebhookAttempt {
    let result = webhook_client::send(&app.options, event).await;
    app.record_webhook(event, result)
}
