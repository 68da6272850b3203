//! Magic phone numbers, which give a session a special behaviour. They belong to nobody: the
//! Swedish regulator reserves them for fiction.

use std::collections::HashMap;

use crate::faults::Fault;
use crate::session::State;

/// A phone number with its behaviour.
pub(crate) struct MagicNumber {
    pub(crate) number: &'static str,
    pub(crate) what: &'static str,
    pub(crate) behaviour: Behaviour,
}

pub(crate) enum Behaviour {
    /// No special behaviour.
    Normal,
    /// The session has ended when it starts.
    EndsImmediately(State),
    /// The fault is injected into every SMS.
    Sms(Fault),
    /// Every code is 12345.
    KnownCode,
    /// The first SMS contains a wrong code.
    FirstCodeWrong,
    /// The second GET for the session expires it.
    ExpiresAtSecondLookup,
    /// The fault is injected into the POST.
    StartRequest(Fault),
    /// The fault is injected into this many POSTs, but not into the next one; then again.
    FirstStartRequests(u32, Fault),
    /// The fault is injected into the POST and every GET.
    EveryRequest(Fault),
    /// The fault is injected into the webhooks of the session.
    Webhooks(Fault),
}

pub(crate) const KNOWN_CODE: &str = "12345";

pub(crate) static NUMBERS: [MagicNumber; 33] = {
    use Fault::*;
    const fn magic(number: &'static str, what: &'static str, behaviour: Behaviour) -> MagicNumber {
        MagicNumber { number, what, behaviour }
    }
    [
        magic("+46701740605", "No special behaviour", Behaviour::Normal),
        magic(
            "+46701740606",
            "Accepted immediately, without a page",
            Behaviour::EndsImmediately(State::Accepted),
        ),
        magic("+46701740607", "Failed immediately", Behaviour::EndsImmediately(State::Failed)),
        magic(
            "+46701740608",
            "Cancelled immediately",
            Behaviour::EndsImmediately(State::Cancelled),
        ),
        magic("+46701740610", "The SMS is not delivered", Behaviour::Sms(SmsLost)),
        magic(
            "+46701740611",
            "The SMS is delivered 10 seconds late, on the sandbox's clock",
            Behaviour::Sms(SmsLate),
        ),
        magic("+46701740612", "The code is always 12345", Behaviour::KnownCode),
        magic("+46701740613", "The first SMS contains a wrong code", Behaviour::FirstCodeWrong),
        magic(
            "+46701740614",
            "The second GET for the session expires it",
            Behaviour::ExpiresAtSecondLookup,
        ),
        magic("+46701740620", "The POST returns 400", Behaviour::StartRequest(Http(400))),
        magic("+46701740621", "The POST returns 401", Behaviour::StartRequest(Http(401))),
        magic("+46701740622", "The POST returns 403", Behaviour::StartRequest(Http(403))),
        magic("+46701740623", "The POST returns 409", Behaviour::StartRequest(Http(409))),
        magic("+46701740624", "The POST returns 422", Behaviour::StartRequest(Http(422))),
        magic(
            "+46701740625",
            "The POST returns 429 with Retry-After in seconds",
            Behaviour::StartRequest(RateLimitedSeconds),
        ),
        magic(
            "+46701740626",
            "The POST returns 429 with Retry-After as a date",
            Behaviour::StartRequest(RateLimitedDate),
        ),
        magic(
            "+46701740627",
            "The POST returns 500 once, then the normal response",
            Behaviour::FirstStartRequests(1, Http(500)),
        ),
        magic(
            "+46701740628",
            "The POST returns 503 with Retry-After twice, then the normal response",
            Behaviour::FirstStartRequests(2, UnavailableRetryAfter),
        ),
        magic(
            "+46701740629",
            "The POST returns 502 with an HTML page",
            Behaviour::StartRequest(BadGatewayHtml),
        ),
        magic("+46701740630", "The POST returns 404", Behaviour::StartRequest(Http(404))),
        magic("+46701740631", "The POST returns 500", Behaviour::StartRequest(Http(500))),
        magic("+46701740632", "The POST returns 503", Behaviour::StartRequest(Http(503))),
        magic(
            "+46701740640",
            "Every response: the headers byte by byte",
            Behaviour::EveryRequest(DripHead),
        ),
        magic("+46701740641", "Every response is a RST", Behaviour::EveryRequest(Reset)),
        magic("+46701740642", "Every response: half of the body", Behaviour::EveryRequest(CutBody)),
        magic(
            "+46701740643",
            "Every response: the body is not JSON",
            Behaviour::EveryRequest(NotJson),
        ),
        magic(
            "+46701740644",
            "Every response: an undocumented status",
            Behaviour::EveryRequest(UnknownStatus),
        ),
        magic(
            "+46701740645",
            "Every response: undocumented fields and nulls",
            Behaviour::EveryRequest(ExtraFields),
        ),
        magic("+46701740646", "Every response: no `data`", Behaviour::EveryRequest(NoData)),
        magic("+46701740650", "No webhook is sent", Behaviour::Webhooks(WebhookLost)),
        magic("+46701740651", "Every webhook is sent twice", Behaviour::Webhooks(WebhookTwice)),
        magic(
            "+46701740652",
            "`session_created` is sent after `session_finished`",
            Behaviour::Webhooks(WebhookOutOfOrder),
        ),
        magic(
            "+46701740653",
            "`session_created` is sent before the response to the POST",
            Behaviour::Webhooks(WebhookBeforeAnswer),
        ),
    ]
};

/// The behaviour of a phone number.
pub(crate) fn behaviour_of(number: &str) -> &'static Behaviour {
    NUMBERS
        .iter()
        .find(|magic| magic.number == number)
        .map_or(&Behaviour::Normal, |magic| &magic.behaviour)
}

/// How often each number of [`Behaviour::FirstStartRequests`] was used.
#[derive(Default)]
pub(crate) struct MagicCounters(HashMap<String, u32>);

impl MagicCounters {
    /// The fault to inject into a POST for this number.
    pub(crate) fn start_fault(&mut self, number: &str) -> Option<Fault> {
        match behaviour_of(number) {
            Behaviour::StartRequest(fault) | Behaviour::EveryRequest(fault) => Some(fault.clone()),
            Behaviour::FirstStartRequests(times, fault) => {
                let count = self.0.entry(number.to_owned()).or_default();
                *count = (*count + 1) % (times + 1);
                (*count != 0).then(|| fault.clone())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_and_reserved_for_fiction() {
        let mut before = "";
        for magic in &NUMBERS {
            assert!(before < magic.number, "{}", magic.number);
            assert!(("+46701740605"..="+46701740699").contains(&magic.number), "{}", magic.number);
            before = magic.number;
        }
    }

    #[test]
    fn counters_start_over() {
        let mut counters = MagicCounters::default();
        let faults: Vec<_> =
            (0..6).map(|_| counters.start_fault("+46701740628").is_some()).collect();
        assert_eq!(faults, [true, true, false, true, true, false]);
    }
}
