//! The class `Client`.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBool};
use zignsec::{ClientBuilder, Phone2faRequest};

use crate::detached::{detached, interrupted, keep};
use crate::errors::to_python;
use crate::number::{Count, Seconds};
use crate::session::Session;
use crate::text::{Text, invalid};
use crate::wait::options;

/// A connection to the gateway, with its settings and keys. Make one, keep it and share it between
/// threads. Every call blocks, at the longest for `timeout` seconds, and releases the GIL.
#[pyclass(frozen, module = "zignsec")]
pub(crate) struct Client {
    base_url: String,
    /// Empty once closed, so that the connections are closed with the last call.
    ///
    /// No fork leaves this locked in its child: it is held for a moment, by a thread that is
    /// attached to the interpreter, and so is the thread that forks. Under the GIL that is one
    /// thread at a time; without it, a fork first stops the others where they hold nothing.
    open: Mutex<Option<Arc<zignsec::Client>>>,
}

impl Client {
    fn new_open(client: zignsec::Client) -> Self {
        Self { base_url: client.base_url().to_owned(), open: Mutex::new(Some(Arc::new(client))) }
    }

    pub(crate) fn core(&self) -> PyResult<Arc<zignsec::Client>> {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or_else(|| invalid("the client", "is closed"))
    }
}

#[pymethods]
impl Client {
    #[new]
    #[pyo3(
        signature = (
            api_key=Text::Missing, *, secondary_api_key=Text::Missing, base_url=Text::Missing,
            environment=Text::Missing, auth_scheme=Text::Missing, timeout=None,
            connect_timeout=None, attempt_timeout=None, max_retries=None, ca_file=None,
            client_cert=None, proxy=Text::Missing, user_agent=Text::Missing,
        ),
        text_signature = "(api_key=None, *, secondary_api_key=None, base_url=None, \
            environment=None, auth_scheme='authorization', timeout=30.0, connect_timeout=5.0, \
            attempt_timeout=10.0, max_retries=2, ca_file=None, client_cert=None, proxy=None, \
            user_agent=None)"
    )]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments, in Python")]
    fn new(
        py: Python<'_>,
        api_key: Text,
        secondary_api_key: Text,
        base_url: Text,
        environment: Text,
        auth_scheme: Text,
        timeout: Option<Seconds>,
        connect_timeout: Option<Seconds>,
        attempt_timeout: Option<Seconds>,
        max_retries: Option<Count>,
        ca_file: Option<PathBuf>,
        client_cert: Option<(PathBuf, PathBuf)>,
        proxy: Text,
        user_agent: Text,
    ) -> PyResult<Self> {
        let mut builder = ClientBuilder::new().interrupt(interrupted);
        if let Some(Seconds(limit)) = timeout {
            builder = builder.timeout(limit);
        }
        if let Some(Seconds(limit)) = connect_timeout {
            builder = builder.connect_timeout(limit);
        }
        if let Some(Seconds(limit)) = attempt_timeout {
            builder = builder.attempt_timeout(limit);
        }
        if let Some(count) = max_retries {
            builder = builder.max_retries(count.named("max_retries")?);
        }
        if let Some(key) = api_key.optional("api_key")? {
            builder = builder.api_key(key);
        }
        if let Some(key) = secondary_api_key.optional("secondary_api_key")? {
            builder = builder.secondary_api_key(key);
        }
        if let Some(url) = base_url.optional("base_url")? {
            builder = builder.base_url(url);
        }
        if let Some(word) = environment.optional("environment")?.filter(|word| !word.is_empty()) {
            builder = builder.environment(word.parse().map_err(|error| to_python(&error))?);
        }
        if let Some(word) = auth_scheme.optional("auth_scheme")?.filter(|word| !word.is_empty()) {
            builder = builder.auth_scheme(word.parse().map_err(|error| to_python(&error))?);
        }
        if let Some(file) = ca_file {
            builder = builder.ca_file(file);
        }
        if let Some((cert, key)) = client_cert {
            builder = builder.client_cert(cert, key);
        }
        if let Some(url) = proxy.optional("proxy")? {
            builder = builder.proxy(url);
        }
        if let Some(text) = user_agent.optional("user_agent")? {
            builder = builder.user_agent(text);
        }
        detached(py, || builder.build()).map(Self::new_open)
    }

    /// Step 1: open a session. Send the user to its redirect_url.
    #[pyo3(
        signature = (
            phone_number, *, redirect_success, redirect_failure, locale=Text::Missing,
            relay_state=Text::Missing, webhook=Text::Missing, csrf_token=Text::Missing,
        ),
        text_signature = "($self, phone_number, *, redirect_success, redirect_failure, \
            locale='En', relay_state=None, webhook=None, csrf_token=None)"
    )]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments, in Python")]
    fn start_phone_2fa(
        &self,
        py: Python<'_>,
        phone_number: Text,
        redirect_success: Text,
        redirect_failure: Text,
        locale: Text,
        relay_state: Text,
        webhook: Text,
        csrf_token: Text,
    ) -> PyResult<Session> {
        let client = self.core()?;
        let mut request = Phone2faRequest::new(phone_number.required("phone_number")?)
            .redirect_success(redirect_success.required("redirect_success")?)
            .redirect_failure(redirect_failure.required("redirect_failure")?);
        if let Some(locale) = locale.optional("locale")? {
            request = request.locale(locale);
        }
        if let Some(relay_state) = relay_state.optional("relay_state")? {
            request = request.relay_state(relay_state);
        }
        if let Some(webhook) = webhook.optional("webhook")? {
            request = request.webhook(webhook);
        }
        if let Some(csrf_token) = csrf_token.optional("csrf_token")? {
            request = request.csrf_token(csrf_token);
        }
        detached(py, || client.start_phone_2fa(&request)).map(Session::from)
    }

    /// Step 3: ask how a session stands; its is_verified is the verdict.
    fn get_session(&self, py: Python<'_>, session_id: Text) -> PyResult<Session> {
        let client = self.core()?;
        let id = session_id.required("session_id")?;
        detached(py, || {
            #[cfg(feature = "__panic")]
            assert_ne!(id, "panic", "requested by a test");
            client.get_session(&id)
        })
        .map(Session::from)
    }

    /// Step 3, until there is a verdict: ask again and again until the session is final.
    #[pyo3(
        signature = (session_id, *, timeout=None, poll_interval=None, on_poll=None),
        text_signature = "($self, session_id, *, timeout=300.0, poll_interval=2.0, on_poll=None)"
    )]
    fn wait_for_session(
        &self,
        py: Python<'_>,
        session_id: Text,
        timeout: Option<Seconds>,
        poll_interval: Option<Seconds>,
        on_poll: Option<Py<PyAny>>,
    ) -> PyResult<Session> {
        let client = self.core()?;
        let id = session_id.required("session_id")?;
        detached(py, || {
            let mut options = options(timeout, poll_interval);
            if let Some(on_poll) = &on_poll {
                options = options.on_poll(|session, elapsed| {
                    let seen = Session::from(session.clone());
                    match Python::attach(|py| goes_on(on_poll.bind(py), seen, elapsed)) {
                        Ok(true) => ControlFlow::Continue(()),
                        Ok(false) => ControlFlow::Break(()),
                        Err(raised) => {
                            keep(raised);
                            ControlFlow::Break(())
                        }
                    }
                });
            }
            client.wait_for_session(&id, &options)
        })
        .map(Session::from)
    }

    /// Another client that shares connections and keys, with other limits.
    #[pyo3(signature = (*, timeout=None, max_retries=None))]
    fn with_options(&self, timeout: Option<Seconds>, max_retries: Option<Count>) -> PyResult<Self> {
        let mut client = self.core()?.duplicate();
        if let Some(Seconds(limit)) = timeout {
            client = client.with_timeout(limit).map_err(|error| to_python(&error))?;
        }
        if let Some(count) = max_retries {
            client = client.with_max_retries(count.named("max_retries")?);
        }
        Ok(Self::new_open(client))
    }

    /// Close the client. A call in flight ends as CallCancelledError; a call after that is an
    /// InvalidArgumentError.
    fn close(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(client) = open {
            zignsec::bindings::close(&client);
        }
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyAny>) {
        self.close();
    }

    fn __repr__(&self) -> String {
        format!("<zignsec.Client base_url='{}'>", self.base_url)
    }
}

/// Where a client's calls go: the gateway and, where there is one, the proxy without its login. For
/// `python -m zignsec check`.
#[pyfunction]
pub(crate) fn route(client: &Client) -> PyResult<(String, Option<String>)> {
    let core = client.core()?;
    Ok((core.base_url().to_owned(), core.proxy()))
}

/// Whether a wait goes on after `on_poll`: unless it returns `False` itself, not another false value.
fn goes_on(on_poll: &Bound<'_, PyAny>, session: Session, elapsed: Duration) -> PyResult<bool> {
    let answer = on_poll.call1((session, elapsed.as_secs_f64()))?;
    Ok(!answer.is(PyBool::new(on_poll.py(), false)))
}
