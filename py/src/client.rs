//! The class `Client`.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBool, PyDict, PyTuple};
use zignsec::{Phone2faRequest, bindings};

use crate::arguments::{borrowed_text, callable, count, required_text, seconds, text};
use crate::errors::to_python;
use crate::interrupt::store_exception;
use crate::options::{WaitTimes, client_options};
use crate::python_code::call;
use crate::session::Session;
use crate::thread_state::try_attach;
use crate::without_gil::without_gil;

/// A client for the gateway, with settings, keys and connections. Create one, reuse it and share it
/// between threads. Calls block for at most `timeout` seconds and release the GIL.
#[pyclass(frozen, subclass, dict, weakref, module = "zignsec")]
pub(crate) struct Client {
    /// A fork never leaves it locked in the child: a thread locks it only briefly, and only while
    /// it is attached to the interpreter. So is the thread that forks. With the GIL, only one
    /// thread is attached at a time; without it, a fork first stops the other threads at a safe
    /// point.
    state: Mutex<State>,
}

enum State {
    /// A subclass has not called `Client.__init__` (yet).
    New,
    Open(Arc<zignsec::Client>),
    /// Without the client, so that the connections are closed when the last call ends.
    Closed {
        base_url: String,
    },
}

impl Client {
    fn new_open(client: zignsec::Client) -> Self {
        Self { state: Mutex::new(State::Open(Arc::new(client))) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the state. The old one is dropped without the lock.
    fn set_state(&self, state: State) {
        let old = std::mem::replace(&mut *self.state(), state);
        drop(old);
    }

    pub(crate) fn core(&self, py: Python<'_>) -> PyResult<Arc<zignsec::Client>> {
        // No Python code runs while the lock is held: it could switch to a thread that waits for it.
        let is_new = match &*self.state() {
            State::Open(client) => return Ok(client.clone()),
            State::Closed { .. } => false,
            State::New => true,
        };
        Err(match is_new {
            true => PyRuntimeError::new_err(
                "Client.__init__() was not called; call super().__init__() in the subclass",
            ),
            false => to_python(py, &bindings::closed()),
        })
    }
}

#[pymethods]
impl Client {
    /// Accepts any arguments: a subclass may have an `__init__` with other ones.
    #[new]
    #[pyo3(
        signature = (*_args, **_kwargs),
        text_signature = "(api_key=None, *, secondary_api_key=None, base_url=None, \
            environment=None, auth_scheme='authorization', timeout=30.0, connect_timeout=5.0, \
            attempt_timeout=10.0, max_retries=2, ca_file=None, client_cert=None, proxy=None, \
            user_agent=None)"
    )]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self { state: Mutex::new(State::New) }
    }

    #[pyo3(signature = (api_key=None, **options))]
    fn __init__(
        &self,
        py: Python<'_>,
        api_key: Option<&Bound<'_, PyAny>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let options = client_options(api_key, options)?;
        let client = without_gil(py, || bindings::client(options))?;
        self.set_state(State::Open(Arc::new(client)));
        Ok(())
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
                    match try_attach(|py| should_continue(on_poll.bind(py), session, elapsed)) {
                        Some(Ok(true)) => ControlFlow::Continue(()),
                        // None: the interpreter shuts down.
                        Some(Ok(false)) | None => ControlFlow::Break(()),
                        Some(Err(exception)) => {
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
    fn with_options<'py>(
        slf: &Bound<'py, Self>,
        timeout: Option<&Bound<'py, PyAny>>,
        max_retries: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Self>> {
        let py = slf.py();
        let mut client = slf.get().core(py)?.duplicate();
        if let Some(limit) = seconds("timeout", timeout)? {
            client = client.with_timeout(limit).map_err(|error| to_python(py, &error))?;
        }
        if let Some(count) = count("max_retries", max_retries)? {
            client = client.with_max_retries(count);
        }
        // Like copy.copy: the same class and attributes, without the __init__ of a subclass, whose
        // arguments are not known.
        let class = (slf.get_type(),);
        let other = py.get_type::<Self>().call_method1(intern!(py, "__new__"), class)?;
        let other = other.cast_into::<Self>()?;
        let attributes = slf.getattr(intern!(py, "__dict__"))?;
        other.getattr(intern!(py, "__dict__"))?.call_method1("update", (attributes,))?;
        other.get().set_state(State::Open(Arc::new(client)));
        Ok(other)
    }

    /// Close the client. Running calls raise CallCancelledError, later calls ClosedError.
    fn close(&self) {
        let open = match &*self.state() {
            State::Open(client) => client.clone(),
            State::New | State::Closed { .. } => return,
        };
        self.set_state(State::Closed { base_url: open.base_url().to_owned() });
        bindings::close(&open);
    }

    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        slf.get().core(slf.py())?;
        Ok(slf)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyAny>) {
        self.close();
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let name = slf.get_type().fully_qualified_name()?;
        let base_url = match &*slf.get().state() {
            State::New => return Ok(format!("<{name}, not initialised>")),
            State::Open(client) => client.base_url().to_owned(),
            State::Closed { base_url } => base_url.clone(),
        };
        Ok(format!("<{name} base_url='{base_url}'>"))
    }
}

/// Return a client for one call, whose time limit starts now, and that limit in seconds.
#[pyfunction]
pub(crate) fn begin_call(py: Python<'_>, client: &Client) -> PyResult<(Client, f64)> {
    let (client, limit) = bindings::begin_call(&*client.core(py)?);
    Ok((Client::new_open(client), limit.as_secs_f64()))
}

/// Raise InvalidArgumentError if this is no phone number that a session can have.
#[pyfunction]
pub(crate) fn check_phone_number(phone_number: &Bound<'_, PyAny>) -> PyResult<()> {
    let number = borrowed_text("phone_number", phone_number)?;
    bindings::check_phone_number(number).map_err(|error| to_python(phone_number.py(), &error))
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
    let result = call(on_poll, (session, elapsed.as_secs_f64()))?;
    Ok(!result.is(PyBool::new(on_poll.py(), false)))
}
