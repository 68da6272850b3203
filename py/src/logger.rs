//! Writes the log records of the core to Python's logger `zignsec`.

use std::cell::RefCell;

use log::{Level, LevelFilter, Log, Metadata, Record};
use pyo3::exceptions::PyBaseException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::interrupt::store_exception;
use crate::python_code::{call, import};
use crate::thread_state::try_attach;

/// Python has no level below DEBUG, which is 10.
const TRACE: u8 = 5;

type Records = Vec<(u8, String)>;

thread_local! {
    /// The records of the current call, if another thread will write them.
    static COLLECTED: RefCell<Option<Records>> = const { RefCell::new(None) };
}

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
        let Some(line) = COLLECTED.with_borrow_mut(|records| match records {
            Some(records) => {
                records.push((level, line));
                None
            }
            None => Some(line),
        }) else {
            return;
        };
        // Nothing is logged while the interpreter shuts down.
        let logged = try_attach(|py| {
            call(&logger(py)?.getattr(intern!(py, "log"))?, (level, line)).map(drop)
        });
        if let Some(Err(exception)) = logged {
            store_exception(exception);
        }
    }

    fn flush(&self) {}
}

/// Call a function, and return its result, its log records, which are not written, and its exception.
#[pyfunction]
#[pyo3(signature = (function, /))]
pub(crate) fn _collect_log(
    py: Python<'_>,
    function: &Bound<'_, PyAny>,
) -> (Option<Py<PyAny>>, Records, Option<Py<PyBaseException>>) {
    let outer = COLLECTED.replace(Some(Records::new()));
    let result = call(function, ());
    let records = COLLECTED.replace(outer).unwrap_or_default();
    match result {
        Ok(result) => (Some(result.unbind()), records, None),
        Err(exception) => (None, records, Some(exception.into_value(py))),
    }
}

/// Sends the log records of the core to Python from now on.
pub(crate) fn install() {
    // Fails if the module is initialised again in the same process; the logger is installed then.
    let _ = log::set_logger(&Logger);
}

/// Copies the level of the Python logger, so that a record below it costs one comparison and does
/// not need the GIL. Called before each call, while the GIL is held.
pub(crate) fn update_level(py: Python<'_>) -> PyResult<()> {
    let get_level = logger(py)?.getattr(intern!(py, "getEffectiveLevel"))?;
    let level = call(&get_level, ())?.extract::<i64>()?;
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
    import(py, &LOGGER, "zignsec._logger", "logger")
}
