//! The class `Client`.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBool, PyDict};
use zignsec::{Phone2faRequest, bindings};

use crate::arguments::{callable, count, required_text, seconds, text};
use crate::errors::to_python;
use crate::interrupt::store_exception;
use crate::options::{WaitTimes, client_options};
use crate::session::Session;
use crate::without_gil::without_gil;

/// A client for the gateway, with settings, keys and connections. Create one, reuse it and share it
/// between threads. Calls block for at most `timeout` seconds and release the GIL.
#[pyclass(frozen, module = "zignsec")]
pub(crate) struct Client {
    base_url: String,
    /// `None` once closed, so that the connections are closed when the last call ends.
    ///
    /// A fork never leaves it locked in the child: a thread locks it only briefly, and only while
    /// it is attached to the interpreter. So is the thread that forks. With the GIL, only one
    /// thread is attached at a time; without it, a fork first stops the other threads at a safe
    /// point.
    open: Mutex<Option<Arc<zignsec::Client>>>,
}

impl Client {
    fn new_open(client: zignsec::Client) -> Self {
        Self { base_url: client.base_url().to_owned(), open: Mutex::new(Some(Arc::new(client))) }
    }

    pub(crate) fn core(&self, py: Python<'_>) -> PyResult<Arc<zignsec::Client>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        open.ok_or_else(|| to_python(py, &bindings::closed()))
    }
}

#[pymethods]
impl Client {
    #[new]
    #[pyo3(
        signature = (api_key=None, **options),
        text_signature = "(api_key=None, *, secondary_api_key=None, base_url=None, \
            environment=None, auth_scheme='authorization', timeout=30.0, connect_timeout=5.0, \
            attempt_timeout=10.0, max_retries=2, ca_file=None, client_cert=None, proxy=None, \
            user_agent=None)"
    )]
    fn new(
        py: Python<'_>,
        api_key: Option<&Bound<'_, PyAny>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let options = client_options(api_key, options)?;
        without_gil(py, || bindings::client(options)).map(Self::new_open)
    }

    /// Step 1: start a session. Send the user to its redirect_url.
    #[pyo3(
        signature = (
            phone_number, *, redirect_success, redirect_failure, locale=None, relay_state=None,
            webhook=None, csrf_token=None,
        ),
        text_signature = "($self, phone_number, *, redirect_success, redirect_failure, \
            locale='En', relay_state=None, webhook=None, csrf_token=None)"
    )]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments, in Python")]
    fn start_phone_2fa(
        &self,
        py: Python<'_>,
        phone_number: &Bound<'_, PyAny>,
        redirect_success: &Bound<'_, PyAny>,
        redirect_failure: &Bound<'_, PyAny>,
        locale: Option<&Bound<'_, PyAny>>,
        relay_state: Option<&Bound<'_, PyAny>>,
        webhook: Option<&Bound<'_, PyAny>>,
        csrf_token: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Session> {
        let client = self.core(py)?;
        let mut request = Phone2faRequest::new(required_text("phone_number", phone_number)?)
            .redirect_success(required_text("redirect_success", redirect_success)?)
            .redirect_failure(required_text("redirect_failure", redirect_failure)?);
        if let Some(locale) = text("locale", locale)? {
            request = request.locale(locale);
        }
        if let Some(relay_state) = text("relay_state", relay_state)? {
            request = request.relay_state(relay_state);
        }
        if let Some(webhook) = text("webhook", webhook)? {
            request = request.webhook(webhook);
        }
        if let Some(csrf_token) = text("csrf_token", csrf_token)? {
            request = request.csrf_token(csrf_token);
        }
        without_gil(py, || client.start_phone_2fa(&request)).map(Session::from)
    }

    /// Step 3: get the current state of a session. Trust only its is_verified_for.
    fn get_session(&self, py: Python<'_>, session_id: &Bound<'_, PyAny>) -> PyResult<Session> {
        let client = self.core(py)?;
        let id = required_text("session_id", session_id)?;
        without_gil(py, || {
            #[cfg(feature = "__panic")]
            assert_ne!(id, "panic", "requested by a test");
            client.get_session(&id)
        })
        .map(Session::from)
    }

    /// Step 3: poll a session until it is final.
    #[pyo3(
        signature = (session_id, *, timeout=None, poll_interval=None, on_poll=None),
        text_signature = "($self, session_id, *, timeout=300.0, poll_interval=2.0, on_poll=None)"
    )]
    fn wait_for_session(
        &self,
        py: Python<'_>,
        session_id: &Bound<'_, PyAny>,
        timeout: Option<&Bound<'_, PyAny>>,
        poll_interval: Option<&Bound<'_, PyAny>>,
        on_poll: Option<Py<PyAny>>,
    ) -> PyResult<Session> {
        let client = self.core(py)?;
        let id = required_text("session_id", session_id)?;
        let times = WaitTimes::new(timeout, poll_interval)?;
        callable("on_poll", on_poll.as_ref().map(|on_poll| on_poll.bind(py)))?;
        without_gil(py, || {
            let mut options = times.to_core();
            if let Some(on_poll) = &on_poll {
                options = options.on_poll(|session, elapsed| {
                    let session = Session::from(session.clone());
                    match Python::attach(|py| should_continue(on_poll.bind(py), session, elapsed)) {
                        Ok(true) => ControlFlow::Continue(()),
                        Ok(false) => ControlFlow::Break(()),
                        Err(exception) => {
                            store_exception(exception);
                            ControlFlow::Break(())
                        }
                    }
                });
            }
            client.wait_for_session(&id, &options)
        })
        .map(Session::from)
    }

    /// Create a client that shares connections and keys, with other limits.
    #[pyo3(signature = (*, timeout=None, max_retries=None))]
    fn with_options(
        &self,
        py: Python<'_>,
        timeout: Option<&Bound<'_, PyAny>>,
        max_retries: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let mut client = self.core(py)?.duplicate();
        if let Some(limit) = seconds("timeout", timeout)? {
            client = client.with_timeout(limit).map_err(|error| to_python(py, &error))?;
        }
        if let Some(count) = count("max_retries", max_retries)? {
            client = client.with_max_retries(count);
        }
        Ok(Self::new_open(client))
    }

    /// Close the client. Running calls raise CallCancelledError, later calls ClosedError.
    fn close(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(client) = open {
            bindings::close(&client);
        }
    }

    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        slf.get().core(slf.py())?;
        Ok(slf)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyAny>) {
        self.close();
    }

    fn __repr__(&self) -> String {
        format!("<zignsec.Client base_url='{}'>", self.base_url)
    }
}

/// Return the URL of the gateway, and the URL of the proxy without user and password, or None.
#[pyfunction]
pub(crate) fn route(py: Python<'_>, client: &Client) -> PyResult<(String, Option<String>)> {
    let core = client.core(py)?;
    Ok((core.base_url().to_owned(), core.proxy()))
}

/// Calls `on_poll` and returns whether to continue waiting. Only `False` itself stops the wait, not
/// another false value such as `None`.
fn should_continue(
    on_poll: &Bound<'_, PyAny>,
    session: Session,
    elapsed: Duration,
) -> PyResult<bool> {
    let result = on_poll.call1((session, elapsed.as_secs_f64()))?;
    Ok(!result.is(PyBool::new(on_poll.py(), false)))
}
