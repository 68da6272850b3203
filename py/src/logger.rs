//! What the core logs, for Python's logger `zignsec`.

use log::{Level, LevelFilter, Log, Metadata, Record};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::detached::keep;

/// Python has no level below DEBUG, which is 10.
const TRACE: u8 = 5;

struct Logger;

impl Log for Logger {
    // What the core's dependencies log stays out: they dump whole requests.
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
        // An interpreter that is shutting down logs no more.
        let logged = Python::try_attach(|py| {
            logger(py)?.call_method1(intern!(py, "log"), (level, line)).map(drop)
        });
        if let Some(Err(raised)) = logged {
            keep(raised);
        }
    }

    fn flush(&self) {}
}

/// Sends the core's lines to Python from now on.
pub(crate) fn install() {
    // It fails where the module is made once more in the same process: then it was done before.
    let _ = log::set_logger(&Logger);
}

/// Takes over the level that the logger has now, so that a line below it costs one comparison and
/// never the GIL. Done before each call, which holds the GIL anyway.
pub(crate) fn follow_level(py: Python<'_>) -> PyResult<()> {
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
