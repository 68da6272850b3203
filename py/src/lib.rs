//! The Python extension `zignsec._zignsec`: translates Python to the crate `zignsec` and back.
//!
//! What has a meaning of its own in Python (exceptions, the enum of statuses) is defined there, in
//! `python/zignsec`, and imported here. The documentation users read is in `_zignsec.pyi`.

mod client;
mod detached;
mod errors;
mod logger;
mod number;
mod session;
mod text;
mod wait;
mod webhook;

/// The native part of zignsec.
#[pyo3::pymodule(gil_used = false)]
mod _zignsec {
    #[pymodule_export]
    use super::client::{Client, route};
    #[pymodule_export]
    use super::session::Session;
    #[pymodule_export]
    use super::wait::Wait;
    #[pymodule_export]
    use super::webhook::{WebhookEvent, verify_webhook};

    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "Python's name")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_init]
    fn init(_module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        super::logger::install();
        Ok(())
    }
}
