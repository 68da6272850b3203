//! Errors of the operating system, in the library's words: those of the system are in the language
//! and the encoding of the host program.

use std::borrow::Cow;
use std::fmt;
use std::io;

use rustix::io::Errno;

const RAISE_FILES: &str = if cfg!(unix) {
    "close files and connections that are not used, or raise the limit (ulimit -n)"
} else {
    "close files and connections that are not used"
};
#[cfg(unix)]
const RAISE_SYSTEM_FILES: &str = "close files of other programs, or raise the limit (fs.file-max)";
pub(crate) const ADD_MEMORY: &str =
    "free memory, or raise the limit of the process or the container";
#[cfg(unix)]
const RAISE_THREADS: &str =
    "end threads, or raise the limit of threads (ulimit -u, or that of the container)";

/// An error that a program can meet here: its number, its name, its meaning, and what to do if it
/// says that a resource ran out.
type Known = (Errno, &'static str, &'static str, Option<&'static str>);

/// Errors of sockets.
const SOCKET: [Known; 14] = [
    (Errno::ACCESS, "EACCES", "permission denied", None),
    (Errno::ADDRNOTAVAIL, "EADDRNOTAVAIL", "address or local port not available", None),
    (Errno::AFNOSUPPORT, "EAFNOSUPPORT", "address family not supported", None),
    (Errno::CONNABORTED, "ECONNABORTED", "connection aborted", None),
    (Errno::CONNREFUSED, "ECONNREFUSED", "connection refused", None),
    (Errno::CONNRESET, "ECONNRESET", "connection reset", None),
    (Errno::HOSTUNREACH, "EHOSTUNREACH", "host unreachable", None),
    (Errno::MFILE, "EMFILE", "too many open files in this process", Some(RAISE_FILES)),
    (Errno::NETDOWN, "ENETDOWN", "network down", None),
    (Errno::NETUNREACH, "ENETUNREACH", "network unreachable", None),
    (Errno::NOBUFS, "ENOBUFS", "not enough memory for the network", Some(ADD_MEMORY)),
    (Errno::NOTCONN, "ENOTCONN", "not connected", None),
    (Errno::SHUTDOWN, "ESHUTDOWN", "connection shut down", None),
    (Errno::TIMEDOUT, "ETIMEDOUT", "timed out", None),
];

/// Other errors. Those of Windows have no names there.
#[cfg(unix)]
const OTHER: [Known; 12] = [
    // That of the start of a thread: for a socket, it means to try again.
    (Errno::AGAIN, "EAGAIN", "a limit was reached", Some(RAISE_THREADS)),
    (Errno::IO, "EIO", "input/output error", None),
    (Errno::ISDIR, "EISDIR", "is a directory", None),
    (Errno::LOOP, "ELOOP", "too many symbolic links", None),
    (Errno::NAMETOOLONG, "ENAMETOOLONG", "file name too long", None),
    (Errno::NFILE, "ENFILE", "too many open files on this system", Some(RAISE_SYSTEM_FILES)),
    (Errno::NOENT, "ENOENT", "no such file or directory", None),
    (Errno::NOMEM, "ENOMEM", "not enough memory", Some(ADD_MEMORY)),
    (Errno::NOSYS, "ENOSYS", "not supported by this system", None),
    (Errno::NOTDIR, "ENOTDIR", "not a directory", None),
    (Errno::PERM, "EPERM", "not permitted", None),
    (Errno::PIPE, "EPIPE", "broken pipe", None),
];
#[cfg(not(unix))]
const OTHER: [Known; 0] = [];

/// Windows has the names of POSIX with this before them.
const PREFIX: &str = if cfg!(windows) { "WSA" } else { "" };

/// What happened, and the name of the error.
pub(crate) fn describe(error: &io::Error) -> String {
    let Some(code) = error.raw_os_error() else { return error.to_string() };
    if let Some((_, name, meaning, _)) = known(code) {
        return format!("{meaning} ({PREFIX}{name})");
    }
    format!("{} (os error {code})", error.kind())
}

/// What to do if a resource ran out.
pub(crate) fn advice(error: &io::Error) -> Option<&'static str> {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<InOperation>());
    let error = cause.map_or(error, |failed| &failed.cause);
    if let Some((.., advice)) = error.raw_os_error().and_then(known) {
        return advice;
    }
    (error.kind() == io::ErrorKind::OutOfMemory).then_some(ADD_MEMORY)
}

fn known(code: i32) -> Option<Known> {
    SOCKET.into_iter().chain(OTHER).find(|(errno, ..)| errno.raw_os_error() == code)
}

/// An error of something else than the connection itself.
#[derive(Debug)]
struct InOperation {
    what: Cow<'static, str>,
    cause: io::Error,
}

/// Says what failed. The error keeps its kind and its advice.
pub(crate) fn in_operation(what: impl Into<Cow<'static, str>>, cause: io::Error) -> io::Error {
    io::Error::new(cause.kind(), InOperation { what: what.into(), cause })
}

impl fmt::Display for InOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, describe(&self.cause))
    }
}

impl std::error::Error for InOperation {}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.raw_os_error())
    }

    #[test]
    fn an_error_is_named_and_says_what_to_do_if_a_resource_ran_out() {
        let full = error(Errno::MFILE);
        let name = |name| format!("({PREFIX}{name})");
        let text = "too many open files in this process";
        assert_eq!(describe(&full), format!("{text} {}", name("EMFILE")));
        assert_eq!(advice(&full), Some(RAISE_FILES));
        let refused = error(Errno::CONNREFUSED);
        assert_eq!(describe(&refused), format!("connection refused {}", name("ECONNREFUSED")));
        assert_eq!(advice(&error(Errno::CONNREFUSED)), None);
        assert_eq!(advice(&io::ErrorKind::OutOfMemory.into()), Some(ADD_MEMORY));
        let unknown = io::Error::from_raw_os_error(4000);
        assert_eq!(describe(&unknown), "uncategorized error (os error 4000)");
    }

    #[test]
    fn an_error_in_an_operation_keeps_its_advice_and_its_kind() {
        let failed = in_operation("cannot open a socket", error(Errno::NOBUFS));
        let text = "cannot open a socket: not enough memory for the network";
        assert_eq!(describe(&failed), format!("{text} ({PREFIX}ENOBUFS)"));
        assert_eq!(advice(&failed), Some(ADD_MEMORY));
        assert_eq!(failed.kind(), error(Errno::NOBUFS).kind());
    }
}
