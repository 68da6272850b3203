//! Whether the process runs with privileges that the user who started it does not have.

/// For messages.
pub(super) const REASON: &str = "the process runs with raised privileges (for example set-user-ID)";

/// Whether the privileges are raised: a set-user-ID or set-group-ID program, one with file
/// capabilities, or a process that changed only one of its real and effective IDs.
///
/// `at_secure` is the value of `getauxval(AT_SECURE)`, if the caller could read it. It stays true
/// when such a program gives its privileges up.
#[cfg(unix)]
pub(super) fn is_raised(at_secure: Option<bool>) -> bool {
    use rustix::process::{getegid, geteuid, getgid, getuid};
    let ids_differ = getuid() != geteuid() || getgid() != getegid();
    ids_differ || at_secure.unwrap_or_else(proc::is_raised)
}

#[cfg(not(unix))]
pub(super) fn is_raised(at_secure: Option<bool>) -> bool {
    at_secure.unwrap_or(false)
}

/// What Linux reports in `/proc`. Reading it needs no unsafe code, unlike `getauxval`.
#[cfg(unix)]
mod proc {
    use std::fs;

    pub(super) fn is_raised() -> bool {
        // Only root can read this file if the process gained privileges, or gave some up.
        if let Some(at_secure) = fs::read("/proc/self/auxv").ok().as_deref().and_then(at_secure) {
            return at_secure;
        }
        // Everybody can read this one.
        fs::read_to_string("/proc/self/status").is_ok_and(|status| gained_privileges(&status))
    }

    /// The value of `AT_SECURE` in an auxiliary vector: pairs of a type and a value.
    pub(super) fn at_secure(vector: &[u8]) -> Option<bool> {
        const WORD: usize = size_of::<usize>();
        const AT_SECURE: usize = 23;
        let word = |bytes: &[u8]| bytes.try_into().ok().map(usize::from_ne_bytes);
        let mut pairs = vector.chunks_exact(2 * WORD);
        let pair = pairs.find(|pair| word(&pair[..WORD]) == Some(AT_SECURE))?;
        Some(word(&pair[WORD..])? != 0)
    }

    /// Whether a status shows a saved ID that differs from the real one, or capabilities of a user
    /// who is not root and that were not inherited from the program that started this one (those
    /// are ambient). The kernel sets `AT_SECURE` by the same rule.
    pub(super) fn gained_privileges(status: &str) -> bool {
        let field =
            |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        // Real, effective, saved and file system ID.
        let ids = |name| field(name).map(|ids| ids.split_whitespace().collect::<Vec<_>>());
        let differ = |ids: &Vec<&str>| ids.iter().any(|id| *id != ids[0]);
        let set = |name| u64::from_str_radix(field(name)?.trim(), 16).ok();
        let (users, groups) = (ids("Uid").unwrap_or_default(), ids("Gid").unwrap_or_default());
        let is_root = users.first() == Some(&"0");
        let gained = set("CapPrm").unwrap_or(0) & !set("CapAmb").unwrap_or(0);
        differ(&users) || differ(&groups) || (!is_root && gained != 0)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_process_has_no_raised_privileges() {
        assert!(!is_raised(None));
        assert!(!is_raised(Some(false)));
        assert!(is_raised(Some(true)));
    }

    #[test]
    fn at_secure_is_read_from_the_auxiliary_vector() {
        let vector = |pairs: &[[usize; 2]]| -> Vec<u8> {
            pairs.iter().flatten().flat_map(|word| word.to_ne_bytes()).collect()
        };
        assert_eq!(proc::at_secure(&vector(&[[6, 4096], [23, 1], [0, 0]])), Some(true));
        assert_eq!(proc::at_secure(&vector(&[[6, 23], [23, 0], [0, 0]])), Some(false));
        assert_eq!(proc::at_secure(&vector(&[[6, 4096], [0, 0]])), None);
        assert_eq!(proc::at_secure(&vector(&[[23, 1]])[1..]), None);
        assert_eq!(proc::at_secure(b""), None);
    }

    #[test]
    fn saved_ids_and_capabilities_of_the_program_count_as_raised() {
        let status = |uid: &str, gid: &str, permitted: &str, ambient: &str| {
            format!("Name:\ta\nUid:\t{uid}\nGid:\t{gid}\nCapPrm:\t{permitted}\nCapAmb:\t{ambient}")
        };
        let user = "1000\t1000\t1000\t1000";
        let root = "0\t0\t0\t0";
        for (uid, gid, permitted, ambient, expected) in [
            (user, user, "0000000000000000", "0000000000000000", false),
            (root, root, "000001ffffffffff", "0000000000000000", false),
            // Inherited, as a service manager arranges it.
            (user, user, "0000000000000400", "0000000000000400", false),
            (user, user, "0000000000000400", "0000000000000000", true),
            (user, user, "0000000000000401", "0000000000000400", true),
            ("1000\t1000\t0\t1000", user, "0000000000000000", "0000000000000000", true),
            (user, "1000\t1000\t8\t1000", "0000000000000000", "0000000000000000", true),
        ] {
            let status = status(uid, gid, permitted, ambient);
            assert_eq!(proc::gained_privileges(&status), expected, "{status}");
        }
        assert!(!proc::gained_privileges(""));
    }
}
