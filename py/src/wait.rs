//! The class `Wait`: what `AsyncClient.wait_for_session` is made of.

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use zignsec::WaitOptions;

use crate::client::Client;
use crate::detached::detached;
use crate::errors::to_python;
use crate::number::Seconds;
use crate::session::Session;
use crate::text::Text;

/// A wait in steps, for an event loop that sleeps between them.
#[pyclass(module = "zignsec._zignsec")]
pub(crate) struct Wait(zignsec::bindings::Wait);

#[pymethods]
impl Wait {
    #[new]
    #[pyo3(
        signature = (*, timeout=None, poll_interval=None),
        text_signature = "(*, timeout=300.0, poll_interval=2.0)"
    )]
    fn new(timeout: Option<Seconds>, poll_interval: Option<Seconds>) -> PyResult<Self> {
        zignsec::bindings::Wait::begin(&options(timeout, poll_interval))
            .map(Self)
            .map_err(|error| to_python(&error))
    }

    /// Ask how the session stands; None where that failed as time may heal.
    fn poll(
        &mut self,
        py: Python<'_>,
        client: &Client,
        session_id: Text,
    ) -> PyResult<Option<Session>> {
        let client = client.core()?;
        let id = session_id.required("session_id")?;
        let wait = &mut self.0;
        Ok(detached(py, || zignsec::bindings::poll(&client, wait, &id))?.map(Session::from))
    }

    /// How long to sleep before the next poll, in seconds.
    fn pause(&mut self) -> PyResult<f64> {
        self.0.pause().map(|pause| pause.as_secs_f64()).map_err(|error| to_python(&error))
    }

    /// The seconds since the wait began.
    fn elapsed(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }

    /// The exception for a wait that was stopped.
    fn stopped(&self, py: Python<'_>) -> Py<PyBaseException> {
        to_python(&self.0.cancelled()).into_value(py)
    }
}

/// What is not given is the core's default.
pub(crate) fn options<'a>(
    timeout: Option<Seconds>,
    poll_interval: Option<Seconds>,
) -> WaitOptions<'a> {
    let mut options = WaitOptions::default();
    if let Some(Seconds(limit)) = timeout {
        options = options.timeout(limit);
    }
    if let Some(Seconds(interval)) = poll_interval {
        options = options.poll_interval(interval);
    }
    options
}
