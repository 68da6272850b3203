//! The class `Wait`, for `wait_for_session` of `AsyncClient`, `GeventClient` and `EventletClient`.

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use zignsec::bindings;

use crate::arguments::required_text;
use crate::client::Client;
use crate::errors::to_python;
use crate::options::WaitTimes;
use crate::session::Session;
use crate::without_gil::without_gil;

/// A wait for a session, one poll at a time, for an event loop that sleeps between the polls.
#[pyclass(module = "zignsec._zignsec")]
pub(crate) struct Wait(bindings::Wait);

#[pymethods]
impl Wait {
    #[new]
    #[pyo3(
        signature = (*, timeout=None, poll_interval=None),
        text_signature = "(*, timeout=300.0, poll_interval=2.0)"
    )]
    fn new(
        py: Python<'_>,
        timeout: Option<&Bound<'_, PyAny>>,
        poll_interval: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        bindings::Wait::begin(&WaitTimes::new(timeout, poll_interval)?.to_core())
            .map(Self)
            .map_err(|error| to_python(py, &error))
    }

    /// Get the session, or None after a temporary error.
    fn poll(
        &mut self,
        py: Python<'_>,
        client: &Client,
        session_id: &Bound<'_, PyAny>,
    ) -> PyResult<Option<Session>> {
        let client = client.core(py)?;
        let id = required_text("session_id", session_id)?;
        let wait = &mut self.0;
        Ok(without_gil(py, || bindings::poll(&client, wait, &id))?.map(Session::from))
    }

    /// Return how long to sleep before the next poll, in seconds.
    fn pause(&mut self, py: Python<'_>) -> PyResult<f64> {
        self.0.pause().map(|pause| pause.as_secs_f64()).map_err(|error| to_python(py, &error))
    }

    /// Return the seconds since the wait started.
    fn elapsed(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }

    /// Return the seconds until the timeout.
    fn left(&self) -> f64 {
        self.0.left().as_secs_f64()
    }

    /// Return the exception to raise if the time is up.
    fn timed_out(&self, py: Python<'_>) -> Py<PyBaseException> {
        to_python(py, &self.0.timed_out()).into_value(py)
    }

    /// Return the exception to raise if the wait is cancelled.
    fn cancelled(&self, py: Python<'_>) -> Py<PyBaseException> {
        to_python(py, &self.0.cancelled()).into_value(py)
    }
}
