//! What the sandbox says of itself: every dial, state, magic number, fault and route, from where each is defined.

use std::sync::LazyLock;

use clap::CommandFactory;
use serde::Serialize;
use serde_json::Value;

use crate::command::Command;
use crate::faults::{self, FaultHelp};
use crate::magic;
use crate::options::SuccessStatus;
use crate::session::{self, StateHelp};

/// The answer of `/_sandbox/help`.
#[derive(Serialize)]
pub(crate) struct Help {
    dials: Vec<Dial>,
    states: Vec<StateHelp>,
    magic_numbers: Vec<MagicNumber>,
    faults: Vec<FaultHelp>,
    routes: Vec<Route>,
}

#[derive(Serialize)]
struct Dial {
    name: String,
    default: String,
    /// Where only some words will do.
    values: Vec<String>,
    what: String,
}

#[derive(Serialize)]
struct MagicNumber {
    number: &'static str,
    what: &'static str,
}

#[derive(Serialize)]
struct Route {
    method: String,
    path: String,
    what: String,
}

impl Help {
    pub(crate) fn new() -> Self {
        let numbers = magic::NUMBERS.iter();
        Self {
            dials: Command::command().get_arguments().map(dial).collect(),
            states: session::states(SuccessStatus::default()),
            magic_numbers: numbers
                .map(|magic| MagicNumber { number: magic.number, what: magic.what })
                .collect(),
            faults: faults::catalogue(),
            routes: routes(),
        }
    }
}

fn dial(argument: &clap::Arg) -> Dial {
    let words = |words: &[clap::builder::OsStr]| {
        words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
    };
    let takes_a_value = argument.get_action().takes_values();
    let values = if takes_a_value { argument.get_possible_values() } else { Vec::new() };
    let told = takes_a_value && !argument.is_hide_default_value_set();
    let defaults: Vec<String> =
        if told { words(argument.get_default_values()) } else { Vec::new() };
    Dial {
        name: format!("--{}", argument.get_long().unwrap_or_default()),
        default: defaults.join(" "),
        values: values.iter().map(|value| value.get_name().to_owned()).collect(),
        what: argument.get_help().map(ToString::to_string).unwrap_or_default(),
    }
}

/// The description of the gateway's and the sandbox's own routes.
pub(crate) static OPENAPI: LazyLock<Value> = LazyLock::new(|| {
    let mut description: Value = serde_json::from_str(include_str!("../assets/openapi.json"))
        .expect("the file is JSON: a test reads it");
    // The names stand in one place only, where the faults are defined.
    let names = faults::catalogue().into_iter().map(|fault| Value::from(fault.name));
    let names: Vec<_> = names.filter(|name| name != "http-NNN" && name != "answer").collect();
    description["components"]["schemas"]["NamedFault"]["properties"]["fault"]["anyOf"][0]["enum"] =
        names.into();
    description["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    description
});

fn routes() -> Vec<Route> {
    let paths = OPENAPI["paths"].as_object().into_iter().flatten();
    let methods = paths.flat_map(|(path, methods)| {
        methods.as_object().into_iter().flatten().map(move |at| (path, at))
    });
    methods
        .map(|(path, (method, operation))| Route {
            method: method.to_uppercase(),
            path: path.clone(),
            what: operation["summary"].as_str().unwrap_or_default().to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The README's tables, as they have to be.
    fn tables() -> String {
        let help = Help::new();
        let mut tables = String::from("| Dial | Default | What it does |\n|---|---|---|\n");
        for Dial { name, default, values, what } in help.dials {
            let values =
                if values.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
            let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
            tables += &format!("| `{name}` | {default} | {what}{values} |\n");
        }
        tables += "\n| Step of a session | Status | What it means |\n|---|---|---|\n";
        for StateHelp { step, status, what } in help.states {
            tables += &format!("| `{step}` | `{status}` | {what} |\n");
        }
        tables += "\n| Magic number | What happens |\n|---|---|\n";
        for MagicNumber { number, what } in help.magic_numbers {
            tables += &format!("| `{number}` | {what} |\n");
        }
        tables += "\n| Fault | Level | What happens |\n|---|---|---|\n";
        for FaultHelp { name, level, what } in help.faults {
            tables += &format!("| `{name}` | {level} | {what} |\n");
        }
        tables
    }

    #[test]
    fn the_readme_lists_what_help_lists() {
        let readme = include_str!("../README.md");
        let tables = tables();
        assert!(readme.contains(&tables), "README.md should have these tables:\n\n{tables}");
    }

    #[test]
    fn the_description_and_the_router_have_the_same_paths() {
        let described: BTreeSet<_> =
            OPENAPI["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let served: BTreeSet<_> = [crate::gateway::routes(), crate::admin::routes()]
            .into_iter()
            .flatten()
            .map(|(path, _)| path)
            .collect();
        assert_eq!(described, served);
    }
}
