//! The Python extension `zignsec._zignsec`: a Python API for the crate `zignsec`.
//!
//! Exceptions and the enum of statuses are defined in Python, in `python/zignsec`, and imported
//! here. The documentation for users is in `_zignsec.pyi`.

mod arguments;
mod client;
mod errors;
mod interrupt;
mod logger;
mod options;
mod session;
mod wait;
mod webhook;
mod without_gil;

/// The Rust part of zignsec.
#[pyo3::pymodule(gil_used = false)]
mod _zignsec {
    #[pymodule_export]
    use super::client::{Client, route};
    #[pymodule_export]
    use super::session::{_restore_session, Session};
    #[pymodule_export]
    use super::wait::Wait;
    #[pymodule_export]
    use super::webhook::{_webhook_event_from_json, WebhookEvent, verify_webhook};

    use zignsec::bindings::defaults;

    #[pymodule_export]
    const DEFAULT_ATTEMPT_TIMEOUT: f64 = defaults::ATTEMPT_TIMEOUT.as_secs_f64();
    #[pymodule_export]
    const DEFAULT_CONNECT_TIMEOUT: f64 = defaults::CONNECT_TIMEOUT.as_secs_f64();
    #[pymodule_export]
    const DEFAULT_LOCALE: &str = defaults::LOCALE;
    #[pymodule_export]
    const DEFAULT_MAX_RETRIES: u32 = defaults::MAX_RETRIES;
    #[pymodule_export]
    const DEFAULT_POLL_INTERVAL: f64 = defaults::POLL_INTERVAL.as_secs_f64();
    #[pymodule_export]
    const DEFAULT_TIMEOUT: f64 = defaults::TIMEOUT.as_secs_f64();
    #[pymodule_export]
    const DEFAULT_WAIT_TIMEOUT: f64 = defaults::WAIT_TIMEOUT.as_secs_f64();
    #[pymodule_export]
    const DEFAULT_WEBHOOK_TOLERANCE: f64 = defaults::WEBHOOK_TOLERANCE.as_secs_f64();

    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "Python's name")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_init]
    fn init(_module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        super::logger::install();
        Ok(())
    }
}
