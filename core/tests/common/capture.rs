//! Everything that is logged, kept so that it can be searched for what must not be there.

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
        // At the level below, ureq dumps the requests that the tests themselves make.
        let is_ureq = metadata.target().starts_with("ureq");
        metadata.level() <= if is_ureq { LevelFilter::Debug } else { LevelFilter::Trace }
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let (level, target) = (record.level(), record.target());
            let line = format!("{level} {target}: {}", record.args());
            keep(&line);
            self.lines.lock().unwrap().push(line);
        }
    }

    fn flush(&self) {}
}

/// Starts to keep what is logged. The folder of `ZIGNSEC_TEST_CAPTURE` gets it too, to be searched
/// with what the other languages leave there.
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

/// Keeps a text that the library made, such as an error's.
pub(crate) fn keep(text: &str) {
    if let Some(file) = &mut *CAPTURE.file.lock().unwrap() {
        writeln!(file, "{text}").unwrap();
    }
}

/// The lines of the library itself so far.
pub(crate) fn lines() -> Vec<String> {
    let lines = CAPTURE.lines.lock().unwrap();
    lines.iter().filter(|line| line.contains(" zignsec: ")).cloned().collect()
}
