//! The class `Client`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::types::PyAny;
use zignsec::{ClientBuilder, Phone2faRequest};

use crate::errors::{detached, to_python};
use crate::session::Session;
use crate::text::{Text, invalid};

/// A connection to the gateway, with its settings and keys. Make one, keep it and share it between
/// threads. Every call blocks, at the longest for `timeout` seconds, and releases the GIL.
#[pyclass(frozen, module = "zignsec")]
pub(crate) struct Client {
    base_url: String,
    // Empty once closed. A call holds on to what it found here.
    open: Mutex<Option<Arc<zignsec::Client>>>,
}

impl Client {
    fn core(&self) -> PyResult<Arc<zignsec::Client>> {
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
        let mut builder = ClientBuilder::new();
        if let Some(Seconds(limit)) = timeout {
            builder = builder.timeout(limit);
        }
        if let Some(Seconds(limit)) = connect_timeout {
            builder = builder.connect_timeout(limit);
        }
        if let Some(Seconds(limit)) = attempt_timeout {
            builder = builder.attempt_timeout(limit);
        }
        if let Some(Count(count)) = max_retries {
            let count =
                count.ok_or_else(|| invalid("max_retries", "must be from 0 to 2147483647"))?;
            builder = builder.max_retries(count);
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
        let client = detached(py, || builder.build())?;
        Ok(Self {
            base_url: client.base_url().to_owned(),
            open: Mutex::new(Some(Arc::new(client))),
        })
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
        let mut request = Phone2faRequest::new(
            phone_number.required("phone_number")?,
            redirect_success.required("redirect_success")?,
            redirect_failure.required("redirect_failure")?,
        )
        .map_err(|error| to_python(&error))?;
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
        detached(py, || client.get_session(&id)).map(Session::from)
    }

    /// Close the client: a call after that is an InvalidArgumentError.
    fn close(&self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
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

/// A number of seconds. One that no clock can tell is left to the core to refuse.
pub(crate) struct Seconds(pub(crate) Duration);

impl<'py> FromPyObject<'_, 'py> for Seconds {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let number = match value.extract::<f64>() {
            Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => f64::INFINITY,
            number => number?,
        };
        let absurd = if number > 0.0 { Duration::MAX } else { Duration::ZERO };
        Ok(Self(Duration::try_from_secs_f64(number).unwrap_or(absurd)))
    }
}

/// A number of times, as C can count it; `None` where it is not.
struct Count(Option<u32>);

impl<'py> FromPyObject<'_, 'py> for Count {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match value.extract::<i32>() {
            Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => Ok(Self(None)),
            number => Ok(Self(number?.try_into().ok())),
        }
    }
}
