//! Phone numbers that make a session misbehave from start to end. All are reserved for fiction by Sweden's regulator: they
//! reach nobody.

use std::collections::HashMap;

use crate::faults::Fault;
use crate::session::State;

/// A number and what it does.
pub(crate) struct Magic {
    pub(crate) number: &'static str,
    pub(crate) what: &'static str,
    pub(crate) quirk: Quirk,
}

pub(crate) enum Quirk {
    /// As any other number.
    None,
    /// The session starts out ended.
    EndsAtOnce(State),
    /// Strikes each SMS.
    Sms(Fault),
    /// Every code is 12345.
    KnownCode,
    /// The first SMS carries a code that is not the right one.
    FirstCodeWrong,
    /// The session's time is up when it is looked up for the second time.
    ExpiresAtSecondLookup,
    /// Meets the POST.
    Start(Fault),
    /// Meets this many POSTs, then lets one through, and begins again.
    FirstStarts(u32, Fault),
    /// Meets the POST and every lookup.
    EveryCall(Fault),
    /// Meets the session's webhooks.
    Webhooks(Fault),
}

pub(crate) const KNOWN_CODE: &str = "12345";

pub(crate) static NUMBERS: [Magic; 33] = {
    use Fault::*;
    const fn magic(number: &'static str, what: &'static str, quirk: Quirk) -> Magic {
        Magic { number, what, quirk }
    }
    [
        magic("+46701740605", "As any other number", Quirk::None),
        magic(
            "+46701740606",
            "Accepted at once, without a page",
            Quirk::EndsAtOnce(State::Accepted),
        ),
        magic("+46701740607", "Failed at once", Quirk::EndsAtOnce(State::Failed)),
        magic("+46701740608", "Cancelled at once", Quirk::EndsAtOnce(State::Cancelled)),
        magic("+46701740610", "The SMS never arrives", Quirk::Sms(SmsLost)),
        magic(
            "+46701740611",
            "The SMS arrives after ten seconds of the sandbox's clock",
            Quirk::Sms(SmsLate),
        ),
        magic("+46701740612", "The code is always 12345", Quirk::KnownCode),
        magic("+46701740613", "The first SMS carries a wrong code", Quirk::FirstCodeWrong),
        magic(
            "+46701740614",
            "The session expires at the second lookup",
            Quirk::ExpiresAtSecondLookup,
        ),
        magic("+46701740620", "POST is answered 400", Quirk::Start(Http(400))),
        magic("+46701740621", "POST is answered 401", Quirk::Start(Http(401))),
        magic("+46701740622", "POST is answered 403", Quirk::Start(Http(403))),
        magic("+46701740623", "POST is answered 409", Quirk::Start(Http(409))),
        magic("+46701740624", "POST is answered 422", Quirk::Start(Http(422))),
        magic(
            "+46701740625",
            "POST is answered 429, Retry-After in seconds",
            Quirk::Start(RateLimitedSeconds),
        ),
        magic(
            "+46701740626",
            "POST is answered 429, Retry-After as a date",
            Quirk::Start(RateLimitedDate),
        ),
        magic(
            "+46701740627",
            "POST is answered 500 once, then as it should be",
            Quirk::FirstStarts(1, Http(500)),
        ),
        magic(
            "+46701740628",
            "POST is answered 503 with Retry-After twice, then as it should be",
            Quirk::FirstStarts(2, UnavailableRetryAfter),
        ),
        magic("+46701740629", "POST is answered 502 with a web page", Quirk::Start(BadGatewayHtml)),
        magic("+46701740630", "POST is answered 404", Quirk::Start(Http(404))),
        magic("+46701740631", "POST is answered 500", Quirk::Start(Http(500))),
        magic("+46701740632", "POST is answered 503", Quirk::Start(Http(503))),
        magic(
            "+46701740640",
            "Every answer's head drips a byte at a time",
            Quirk::EveryCall(DripHead),
        ),
        magic("+46701740641", "Every answer is a RST", Quirk::EveryCall(Reset)),
        magic("+46701740642", "Every answer's body is cut", Quirk::EveryCall(CutBody)),
        magic("+46701740643", "Every answer's body is not JSON", Quirk::EveryCall(NotJson)),
        magic(
            "+46701740644",
            "Every answer has an unknown status",
            Quirk::EveryCall(UnknownStatus),
        ),
        magic(
            "+46701740645",
            "Every answer has fields that no page documents, and nulls",
            Quirk::EveryCall(ExtraFields),
        ),
        magic("+46701740646", "Every answer lacks `data`", Quirk::EveryCall(NoData)),
        magic("+46701740650", "No webhook is sent", Quirk::Webhooks(WebhookLost)),
        magic("+46701740651", "Every webhook is sent twice", Quirk::Webhooks(WebhookTwice)),
        magic(
            "+46701740652",
            "session_created comes after session_finished",
            Quirk::Webhooks(WebhookOutOfOrder),
        ),
        magic(
            "+46701740653",
            "session_created arrives before the POST is answered",
            Quirk::Webhooks(WebhookBeforeAnswer),
        ),
    ]
};

/// What a number does, if it is one of these.
pub(crate) fn quirk(number: &str) -> &'static Quirk {
    NUMBERS.iter().find(|magic| magic.number == number).map_or(&Quirk::None, |magic| &magic.quirk)
}

/// How often the numbers that count have been met.
#[derive(Default)]
pub(crate) struct Meetings(HashMap<String, u32>);

impl Meetings {
    /// The fault that a POST for this number meets.
    pub(crate) fn fault_of_start(&mut self, number: &str) -> Option<Fault> {
        match quirk(number) {
            Quirk::Start(fault) | Quirk::EveryCall(fault) => Some(fault.clone()),
            Quirk::FirstStarts(times, fault) => {
                let met = self.0.entry(number.to_owned()).or_default();
                *met = (*met + 1) % (times + 1);
                (*met != 0).then(|| fault.clone())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_reserved_for_fiction_and_there_once() {
        let mut before = "";
        for magic in &NUMBERS {
            assert!(before < magic.number, "{}", magic.number);
            assert!(("+46701740605"..="+46701740699").contains(&magic.number), "{}", magic.number);
            before = magic.number;
        }
    }

    #[test]
    fn numbers_that_count_begin_again() {
        let mut meetings = Meetings::default();
        let met: Vec<_> =
            (0..6).map(|_| meetings.fault_of_start("+46701740628").is_some()).collect();
        assert_eq!(met, [true, true, false, true, true, false]);
    }
}
