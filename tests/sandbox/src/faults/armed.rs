//! The armed faults, and the request that arms one.

use std::collections::{BTreeMap, VecDeque};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Fault, ScriptedAnswer, Target};
use crate::problem::Problem;

/// The body of `POST /_sandbox/faults`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArmFaultRequest {
    fault: String,
    #[serde(default, deserialize_with = "whole_number")]
    times: Option<u32>,
    #[serde(default, deserialize_with = "whole_number")]
    status: Option<u32>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "not_null")]
    body: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    body_hex: Option<String>,
}

/// A field that may be absent but not null.
fn not_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// An integer. JSON writers may write 2.0 for it.
fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) {
        Ok(Some(number as u32))
    } else {
        Err(D::Error::custom(format!("{number} is not a whole number in range")))
    }
}

impl ArmFaultRequest {
    /// Returns the fault and how often it is injected.
    pub(crate) fn validate(self) -> Result<(Fault, u32), Problem> {
        let times = self.times.unwrap_or(1);
        if self.fault != "answer" {
            if self.status.is_some()
                || !self.headers.is_empty()
                || self.body.is_some()
                || self.body_hex.is_some()
            {
                return Err(Problem::invalid_field(
                    "fault",
                    "must be \"answer\" if status, headers or a body are given",
                ));
            }
            return Ok((Fault::from_name(&self.fault)?, times));
        }
        let body = match (self.body, self.body_hex) {
            (Some(_), Some(_)) => {
                return Err(Problem::invalid_field("body_hex", "must not be combined with body"));
            }
            (_, Some(digits)) => hex::decode(digits).map_err(|_| {
                Problem::invalid_field("body_hex", "must be an even number of hexadecimal digits")
            })?,
            (body, None) => body.unwrap_or_default().into_bytes(),
        };
        let status = self
            .status
            .ok_or_else(|| Problem::invalid_field("status", "is required for \"answer\""))?;
        // A number that does not fit becomes 0, which the validation below rejects.
        let status = u16::try_from(status).unwrap_or_default();
        let fault = Fault::Answer(ScriptedAnswer {
            status,
            headers: self.headers.into_iter().collect(),
            body,
        });
        fault.validate()?;
        Ok((fault, times))
    }
}

/// The armed faults, in the order in which they were armed.
#[derive(Default)]
pub(crate) struct Armed(VecDeque<(Fault, u32)>);

/// Limits that no test should reach. The second applies to the bodies of scripted answers.
const MAX_ARMED: usize = 1000;
const MAX_ARMED_BYTES: usize = 16 << 20;
const MAX_TIMES: u32 = 1_000_000;

impl Armed {
    pub(crate) fn arm(&mut self, fault: Fault, times: u32) -> Result<(), Problem> {
        fault.validate()?;
        if !(1..=MAX_TIMES).contains(&times) {
            return Err(Problem::invalid_field("times", "must be 1 to 1000000"));
        }
        let size =
            |fault: &Fault| if let Fault::Answer(answer) = fault { answer.body.len() } else { 0 };
        let total: usize = self.0.iter().map(|(fault, _)| size(fault)).sum();
        if total + size(&fault) > MAX_ARMED_BYTES {
            return Err(Problem::conflict(
                "the bodies of the armed `answer` faults exceed 16 MiB in total",
            ));
        }
        if self.0.len() == MAX_ARMED {
            return Err(Problem::conflict("1000 faults are already armed"));
        }
        self.0.push_back((fault, times));
        Ok(())
    }

    /// Removes and returns the next fault for this target.
    pub(crate) fn take(&mut self, target: Target) -> Option<Fault> {
        let index = self.0.iter().position(|(fault, _)| fault.target() == target)?;
        let (fault, times) = &mut self.0[index];
        let fault = fault.clone();
        *times -= 1;
        if *times == 0 {
            self.0.remove(index);
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

/// An armed fault, for the admin routes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ArmedFault {
    pub(crate) fault: String,
    pub(crate) times: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_taken_in_the_order_of_arming_for_each_target() {
        let mut armed = Armed::default();
        armed.arm(Fault::ResetOnAccept, 1).unwrap();
        armed.arm(Fault::Http(500), 2).unwrap();
        armed.arm(Fault::Reset, 1).unwrap();
        let taken: Vec<_> = std::iter::from_fn(|| armed.take(Target::Request)).collect();
        assert_eq!(taken, [Fault::Http(500), Fault::Http(500), Fault::Reset]);
        assert_eq!(armed.view(), [ArmedFault { fault: "reset-on-accept".to_owned(), times: 1 }]);
        assert_eq!(armed.take(Target::Connection), Some(Fault::ResetOnAccept));
        assert_eq!(armed.take(Target::Connection), None);
    }
}
