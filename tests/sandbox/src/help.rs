//! The sandbox's description of itself: options, states, magic numbers, faults and routes, each
//! taken from the code that defines it.

use std::sync::LazyLock;

use axum::body::Bytes;
use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::faults::{self, FaultHelp};
use crate::magic;
use crate::options::{Arguments, SuccessStatus};
use crate::session::{self, StateHelp};

/// The response of `/_sandbox/help`.
#[derive(Serialize)]
pub(crate) struct Help {
    options: Vec<OptionHelp>,
    states: Vec<StateHelp>,
    magic_numbers: Vec<MagicNumberHelp>,
    faults: Vec<FaultHelp>,
    routes: Vec<RouteHelp>,
}

#[derive(Serialize)]
struct OptionHelp {
    name: String,
    default: String,
    /// The possible values; empty if any value is possible.
    values: Vec<String>,
    what: String,
}

#[derive(Serialize)]
struct MagicNumberHelp {
    number: &'static str,
    what: &'static str,
}

#[derive(Serialize)]
struct RouteHelp {
    method: String,
    path: String,
    what: String,
}

impl Help {
    pub(crate) fn new() -> Self {
        let command = Arguments::augment_args(clap::Command::new("zignsec-sandbox"));
        let numbers = magic::NUMBERS.iter();
        Self {
            options: command.get_arguments().map(option_help).collect(),
            states: session::states(SuccessStatus::default()),
            magic_numbers: numbers
                .map(|magic| MagicNumberHelp { number: magic.number, what: magic.what })
                .collect(),
            faults: faults::list(),
            routes: routes(),
        }
    }
}

fn option_help(argument: &clap::Arg) -> OptionHelp {
    let takes_value = argument.get_action().takes_values();
    let values = if takes_value { argument.get_possible_values() } else { Vec::new() };
    let has_visible_default = takes_value && !argument.is_hide_default_value_set();
    let defaults = if has_visible_default { argument.get_default_values() } else { &[] };
    let defaults: Vec<_> =
        defaults.iter().map(|value| value.to_string_lossy().into_owned()).collect();
    OptionHelp {
        name: format!("--{}", argument.get_long().unwrap_or_default()),
        default: defaults.join(" "),
        values: values.iter().map(|value| value.get_name().to_owned()).collect(),
        what: argument.get_help().map(ToString::to_string).unwrap_or_default(),
    }
}

/// [`OPENAPI`] as text: one copy for all responses.
pub(crate) static OPENAPI_TEXT: LazyLock<Bytes> = LazyLock::new(|| OPENAPI.to_string().into());

/// The OpenAPI description of the endpoints and the admin routes.
pub(crate) static OPENAPI: LazyLock<Value> = LazyLock::new(|| {
    let mut description: Value = serde_json::from_str(include_str!("../assets/openapi.json"))
        .expect("a test parses this file");
    // The file has a placeholder instead of the fault names, which are defined in `faults` only.
    let names = faults::list().into_iter().map(|fault| Value::from(fault.name));
    let names: Vec<_> = names.filter(|name| name != "http-NNN" && name != "answer").collect();
    let named_fault = &mut description["components"]["schemas"]["NamedFault"];
    named_fault["properties"]["fault"]["anyOf"][0]["enum"] = names.into();
    description["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    description
});

fn routes() -> Vec<RouteHelp> {
    let paths = OPENAPI["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, methods)| {
        methods.as_object().into_iter().flatten().map(move |operation| (path, operation))
    });
    operations
        .map(|(path, (method, operation))| RouteHelp {
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

    /// The tables that the README must contain.
    fn tables() -> String {
        let help = Help::new();
        let mut tables = String::from("| Option | Default | Meaning |\n|---|---|---|\n");
        for OptionHelp { name, default, values, what } in help.options {
            let values =
                if values.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
            let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
            tables += &format!("| `{name}` | {default} | {what}{values} |\n");
        }
        tables += "\n| Step of a session | Status | Meaning |\n|---|---|---|\n";
        for StateHelp { step, status, what } in help.states {
            tables += &format!("| `{step}` | `{status}` | {what} |\n");
        }
        tables += "\n| Magic number | Effect |\n|---|---|\n";
        for MagicNumberHelp { number, what } in help.magic_numbers {
            tables += &format!("| `{number}` | {what} |\n");
        }
        tables += "\n| Fault | Level | Effect |\n|---|---|---|\n";
        for FaultHelp { name, level, what } in help.faults {
            tables += &format!("| `{name}` | {level} | {what} |\n");
        }
        tables
    }

    #[test]
    fn readme_contains_the_tables_of_help() {
        let readme = include_str!("../README.md");
        let tables = tables();
        assert!(readme.contains(&tables), "README.md should have these tables:\n\n{tables}");
    }

    #[test]
    fn openapi_description_and_router_have_the_same_paths() {
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
