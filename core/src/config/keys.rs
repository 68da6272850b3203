//! API keys and their rotation.

use std::sync::atomic::{AtomicBool, Ordering};

use log::Level;
use zeroize::Zeroizing;

use super::env::Env;
use crate::error::Error;
use crate::header::{HEADER_RULE, problem_of_key};
use crate::redact::log_line;
use crate::text_problem::unusual_end;

/// An API key. This is the only copy that the library keeps; it is wiped when it is dropped.
pub(crate) struct Key(Zeroizing<String>);

impl Key {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The API keys, and which of them the gateway accepted last.
pub(crate) struct Keys {
    primary: Key,
    secondary: Option<Key>,
    use_secondary: AtomicBool,
}

impl Keys {
    pub(super) fn resolve(
        primary: Option<Zeroizing<String>>,
        mut secondary: Option<Zeroizing<String>>,
        env: &Env,
    ) -> Result<Self, Error> {
        let mut names = ["api_key", "secondary_api_key"];
        let primary = match primary {
            Some(primary) => primary,
            None => {
                names[0] = "ZIGNSEC_API_KEY";
                // The two variables belong together: never combine one with a key from elsewhere.
                if secondary.is_none() {
                    names[1] = "ZIGNSEC_SECONDARY_API_KEY";
                    secondary = env.get_secret(names[1])?;
                }
                env.get_secret(names[0])?.ok_or_else(|| no_key(env))?
            }
        };
        let primary = check(names[0], primary)?;
        let secondary = secondary.map(|key| check(names[1], key)).transpose()?;
        let secondary = secondary.filter(|key| key.as_str() != primary.as_str());
        Ok(Self { primary, secondary, use_secondary: AtomicBool::new(false) })
    }

    /// The key to try first, and the one to try if the gateway returns 401.
    pub(crate) fn ordered(&self) -> (&Key, Option<&Key>) {
        match &self.secondary {
            None => (&self.primary, None),
            Some(secondary) if self.use_secondary.load(Ordering::Relaxed) => {
                (secondary, Some(&self.primary))
            }
            Some(secondary) => (&self.primary, Some(secondary)),
        }
    }

    /// Remembers that `key` works, so that the next call tries it first.
    pub(crate) fn mark_working(&self, key: &Key) {
        self.use_secondary.store(!std::ptr::eq(key, &self.primary), Ordering::Relaxed);
    }

    /// All keys, to be removed from text that is shown. The second is empty if there is only one.
    pub(crate) fn secrets(&self) -> [&str; 2] {
        let (first, second) = self.ordered();
        [first.as_str(), second.map_or("", Key::as_str)]
    }
}

fn no_key(env: &Env) -> Error {
    Error::configuration(match env.why_ignored() {
        None => "no API key: pass api_key or set ZIGNSEC_API_KEY".to_owned(),
        Some(reason) => {
            format!("no API key: pass api_key; the environment variables are ignored: {reason}")
        }
    })
}

fn check(name: &str, key: Zeroizing<String>) -> Result<Key, Error> {
    if key.is_empty() {
        return Err(Error::configuration(format!("{name} must not be empty")));
    }
    if let Some(problem) = problem_of_key(&key) {
        let rule = format!("it must be {HEADER_RULE}, without spaces");
        return Err(Error::configuration(format!("{name} {problem}; {rule}")));
    }
    // A key may contain quotation marks, but these are more likely left over from a file.
    if let Some(end) = unusual_end(&key) {
        log_line!(Level::Warn, "{name} {end}, which is sent as a part of the key");
    }
    Ok(Key(key))
}
