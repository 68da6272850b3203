//! Captures everything that is logged, so that it can be searched for secrets.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, Once};

use log::{LevelFilter, Log, Metadata, Record};

struct Capture {
    lines: Mutex<Vec<String>>,
    file: Mutex<Option<File>>,
}

static CAPTURE: Capture = Capture { lines: Mutex::new(Vec::new()), file: Mutex::new(None) };

impl Log for Capture {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // At trace level, ureq logs the requests that the tests make themselves.
        let is_ureq = metadata.target().starts_with("ureq");
        metadata.level() <= if is_ureq { LevelFilter::Debug } else { LevelFilter::Trace }
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let (level, target) = (record.level(), record.target());
            let line = format!("{level} {target}: {}", record.args());
            write_to_file(&line);
            self.lines.lock().unwrap().push(line);
        }
    }

    fn flush(&self) {}
}

/// Starts capturing. If `ZIGNSEC_TEST_CAPTURE` names a folder, the lines are also written to a file
/// there: a later test searches the files of all languages for secrets.
pub(crate) fn start() {
    static START: Once = Once::new();
    START.call_once(|| {
        log::set_logger(&CAPTURE).unwrap();
        log::set_max_level(LevelFilter::Trace);
        if let Some(folder) = std::env::var_os("ZIGNSEC_TEST_CAPTURE") {
            std::fs::create_dir_all(&folder).unwrap();
            let name = format!("rust-{}.log", std::process::id());
            let file = File::create(std::path::Path::new(&folder).join(name)).unwrap();
            *CAPTURE.file.lock().unwrap() = Some(file);
        }
    });
}

/// Writes a text of the library, such as an error message, to the file.
pub(crate) fn write_to_file(text: &str) {
    if let Some(file) = &mut *CAPTURE.file.lock().unwrap() {
        writeln!(file, "{text}").unwrap();
    }
}

/// The lines that the library has logged so far.
pub(crate) fn lines() -> Vec<String> {
    let lines = CAPTURE.lines.lock().unwrap();
    lines.iter().filter(|line| line.contains(" zignsec: ")).cloned().collect()
}
