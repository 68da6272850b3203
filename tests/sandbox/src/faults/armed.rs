//! The faults that wait for their calls, and the orders that put them there.

use std::collections::{BTreeMap, VecDeque};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Fault, ScriptedAnswer, Target};
use crate::problem::Problem;

/// The body of `POST /_sandbox/faults`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    fault: String,
    #[serde(default, deserialize_with = "whole")]
    times: Option<u32>,
    #[serde(default, deserialize_with = "whole")]
    status: Option<u32>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "given")]
    body: Option<String>,
    #[serde(default, deserialize_with = "given")]
    body_hex: Option<String>,
}

/// What is given must be of its type: null is no way to leave it out.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A whole number, which in JSON may well be written 2.0.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) {
        Ok(Some(number as u32))
    } else {
        Err(D::Error::custom(format!("{number} is not a whole number in range")))
    }
}

impl Order {
    pub(crate) fn read(self) -> Result<(Fault, u32), Problem> {
        let times = self.times.unwrap_or(1);
        if self.fault != "answer" {
            if self.status.is_some()
                || !self.headers.is_empty()
                || self.body.is_some()
                || self.body_hex.is_some()
            {
                return Err(Problem::field(
                    "fault",
                    "must be \"answer\" where status, headers or a body are given",
                ));
            }
            return Ok((Fault::named(&self.fault)?, times));
        }
        let body = match (self.body, self.body_hex) {
            (Some(_), Some(_)) => {
                return Err(Problem::field("body_hex", "may not stand beside body"));
            }
            (_, Some(digits)) => hex::decode(digits)
                .map_err(|_| Problem::field("body_hex", "must be pairs of hexadecimal digits"))?,
            (body, None) => body.unwrap_or_default().into_bytes(),
        };
        let status =
            self.status.ok_or_else(|| Problem::field("status", "is required for \"answer\""))?;
        // What does not fit is out of range for the check below, too.
        let status = u16::try_from(status).unwrap_or_default();
        let fault = Fault::Answer(ScriptedAnswer {
            status,
            headers: self.headers.into_iter().collect(),
            body,
        });
        fault.check()?;
        Ok((fault, times))
    }
}

/// The faults that wait for their calls, first armed first met.
#[derive(Default)]
pub(crate) struct Armed(VecDeque<(Fault, u32)>);

/// Enough for any test, and a bound on what scripted answers can hold.
const MOST_ARMED: usize = 1000;
const HEAVIEST_ARMED: usize = 32 << 20;
const MOST_TIMES: u32 = 1_000_000;

impl Armed {
    pub(crate) fn arm(&mut self, fault: Fault, times: u32) -> Result<(), Problem> {
        fault.check()?;
        if !(1..=MOST_TIMES).contains(&times) {
            return Err(Problem::field("times", "must be 1 to 1000000"));
        }
        let weight =
            |fault: &Fault| if let Fault::Answer(answer) = fault { answer.body.len() } else { 0 };
        let weights: usize = self.0.iter().map(|(fault, _)| weight(fault)).sum();
        if weights + weight(&fault) > HEAVIEST_ARMED {
            return Err(Problem::conflict(
                "the scripted answers that are armed already are too large",
            ));
        }
        if self.0.len() == MOST_ARMED {
            return Err(Problem::conflict("a thousand faults are armed already"));
        }
        self.0.push_back((fault, times));
        Ok(())
    }

    pub(crate) fn take(&mut self, target: Target) -> Option<Fault> {
        let at = self.0.iter().position(|(fault, _)| fault.target() == target)?;
        let (fault, times) = &mut self.0[at];
        let fault = fault.clone();
        *times -= 1;
        if *times == 0 {
            self.0.remove(at);
        }
        Some(fault)
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn view(&self) -> Vec<ArmedFault> {
        self.0
            .iter()
            .map(|(fault, times)| ArmedFault { fault: fault.name(), times: *times })
            .collect()
    }
}

/// A fault that waits for its calls, as the list has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ArmedFault {
    pub(crate) fault: String,
    pub(crate) times: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_met_in_the_order_of_arming_each_by_its_own_target() {
        let mut armed = Armed::default();
        armed.arm(Fault::ResetOnAccept, 1).unwrap();
        armed.arm(Fault::Http(500), 2).unwrap();
        armed.arm(Fault::Reset, 1).unwrap();
        let met: Vec<_> = std::iter::from_fn(|| armed.take(Target::Call)).collect();
        assert_eq!(met, [Fault::Http(500), Fault::Http(500), Fault::Reset]);
        assert_eq!(armed.view(), [ArmedFault { fault: "reset-on-accept".to_owned(), times: 1 }]);
        assert_eq!(armed.take(Target::Accept), Some(Fault::ResetOnAccept));
        assert_eq!(armed.take(Target::Accept), None);
    }
}
