//! Writes the log records of the core to Python's logger `zignsec`.

use log::{Level, LevelFilter, Log, Metadata, Record};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::interrupt::store_exception;

/// Python has no level below DEBUG, which is 10.
const TRACE: u8 = 5;

struct Logger;

impl Log for Logger {
    // Not the records of the core's dependencies: they contain whole requests.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "zignsec"
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = match record.level() {
            Level::Error => 40,
            Level::Warn => 30,
            Level::Info => 20,
            Level::Debug => 10,
            Level::Trace => TRACE,
        };
        let line = record.args().to_string();
        // Nothing is logged while the interpreter shuts down.
        let logged = Python::try_attach(|py| {
            logger(py)?.call_method1(intern!(py, "log"), (level, line)).map(drop)
        });
        if let Some(Err(exception)) = logged {
            store_exception(exception);
        }
    }

    fn flush(&self) {}
}

/// Sends the log records of the core to Python from now on.
pub(crate) fn install() {
    // Fails if the module is initialised again in the same process; the logger is installed then.
    let _ = log::set_logger(&Logger);
}

/// Copies the level of the Python logger, so that a record below it costs one comparison and does
/// not need the GIL. Called before each call, while the GIL is held.
pub(crate) fn update_level(py: Python<'_>) -> PyResult<()> {
    let level = logger(py)?.call_method0(intern!(py, "getEffectiveLevel"))?.extract::<i64>()?;
    log::set_max_level(match level {
        ..=5 => LevelFilter::Trace,
        6..=10 => LevelFilter::Debug,
        11..=20 => LevelFilter::Info,
        21..=30 => LevelFilter::Warn,
        31..=40 => LevelFilter::Error,
        _ => LevelFilter::Off,
    });
    Ok(())
}

fn logger(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static LOGGER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    LOGGER.import(py, "zignsec._logger", "logger")
}
