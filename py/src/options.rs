//! The settings of `Client` and `Wait`: from keyword arguments to the options of the core.
//!
//! A new setting of `Client` is one line in [`client_options`], and one each in the text signature
//! of `Client` and in `_zignsec.pyi`.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use zignsec::WaitOptions;
use zignsec::bindings::{Options, Zeroizing};

use crate::arguments::{count, path, paths, seconds, text, unexpected_keyword};
use crate::errors::to_python;
use crate::interrupt;

/// The options of a client. Settings that are not given have the defaults of the core.
pub(crate) fn client_options(
    api_key: Option<&Bound<'_, PyAny>>,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<Options> {
    let mut options = Options {
        api_key: text("api_key", api_key)?.map(Zeroizing::new),
        interrupt: Some(Arc::new(interrupt::check_signals)),
        ..Options::default()
    };
    for (name, value) in keywords.into_iter().flatten() {
        let name = &name.extract::<String>()?;
        let value = Some(&value).filter(|value| !value.is_none());
        match name.as_str() {
            "secondary_api_key" => {
                options.secondary_api_key = text(name, value)?.map(Zeroizing::new);
            }
            "base_url" => options.base_url = text(name, value)?,
            "environment" => options.environment = parsed(name, value)?,
            "auth_scheme" => options.auth_scheme = parsed(name, value)?,
            "timeout" => options.timeout = seconds(name, value)?,
            "connect_timeout" => options.connect_timeout = seconds(name, value)?,
            "attempt_timeout" => options.attempt_timeout = seconds(name, value)?,
            "max_retries" => options.max_retries = count(name, value)?,
            "ca_file" => options.ca_file = path(name, value)?,
            "client_cert" => {
                (options.client_cert_file, options.client_key_file) = paths(name, value)?.unzip();
            }
            "proxy" => options.proxy = text(name, value)?.map(Zeroizing::new),
            "user_agent" => options.user_agent = text(name, value)?,
            _ => return Err(unexpected_keyword("Client.__init__", name)),
        }
    }
    Ok(options)
}

/// The options of a wait, but for `on_poll`.
pub(crate) struct WaitTimes {
    timeout: Option<Duration>,
    poll_interval: Option<Duration>,
}

impl WaitTimes {
    pub(crate) fn new(
        timeout: Option<&Bound<'_, PyAny>>,
        poll_interval: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        Ok(Self {
            timeout: seconds("timeout", timeout)?,
            poll_interval: seconds("poll_interval", poll_interval)?,
        })
    }

    /// The options of the core. Times that are not given have the defaults of the core.
    pub(crate) fn to_core<'a>(&self) -> WaitOptions<'a> {
        let mut options = WaitOptions::default();
        if let Some(limit) = self.timeout {
            options = options.timeout(limit);
        }
        if let Some(interval) = self.poll_interval {
            options = options.poll_interval(interval);
        }
        options
    }
}

/// One of the words of an enum of the core. An empty `str` counts as not given.
fn parsed<T: FromStr<Err = zignsec::Error>>(
    name: &str,
    value: Option<&Bound<'_, PyAny>>,
) -> PyResult<Option<T>> {
    match (text(name, value)?, value) {
        (Some(word), Some(value)) if !word.is_empty() => {
            word.parse().map(Some).map_err(|error| to_python(value.py(), &error))
        }
        _ => Ok(None),
    }
}
