//! Whether an operator's values for a plugin's own settings fit the author's defaults.

use crate::nearest::nearest;

/// What of an operator's values does not fit the author's defaults, to be read after `config.`: a value of another type than its
/// default. What has no default cannot be checked.
pub(crate) fn misfit(defaults: &toml::Table, values: &toml::Table) -> Option<String> {
    values.iter().find_map(|(key, value)| match defaults.get(key) {
        Some(toml::Value::Table(below)) => match value {
            toml::Value::Table(above) => misfit(below, above).map(|inner| format!("{key}.{inner}")),
            _ => Some(format!("{key} is {}, expected a table", kind(value))),
        },
        Some(default) if is_alike(default, value) => None,
        Some(default) => {
            Some(format!("{key} is {}, expected {}, as its default {default} is", kind(value), kind(default)))
        }
        None => None,
    })
}

/// A key of an operator's values that has no default and looks like one that has and is not set. An author may know of settings
/// that have none, so that it need not be a mistake.
pub(crate) fn lookalike(defaults: &toml::Table, values: &toml::Table) -> Option<String> {
    values.iter().find_map(|(key, value)| match (defaults.get(key), value) {
        (Some(toml::Value::Table(below)), toml::Value::Table(above)) => {
            lookalike(below, above).map(|inner| format!("{key}.{inner}"))
        }
        (Some(_), _) => None,
        (None, _) => {
            let unset = defaults.keys().map(String::as_str).filter(|known| !values.contains_key(*known));
            nearest(key, unset).map(|meant| format!("{key} has no default; did you mean {meant}?"))
        }
    })
}

fn is_alike(default: &toml::Value, value: &toml::Value) -> bool {
    default.same_type(value) || (default.is_float() && value.is_integer())
}

fn kind(value: &toml::Value) -> &'static str {
    match value {
        toml::Value::String(_) => "a text",
        toml::Value::Integer(_) => "a whole number",
        toml::Value::Float(_) => "a number",
        toml::Value::Boolean(_) => "true or false",
        toml::Value::Datetime(_) => "a date",
        toml::Value::Array(_) => "a list",
        toml::Value::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> toml::Table {
        text.parse().unwrap()
    }

    #[test]
    fn a_value_that_does_not_fit_its_default_is_named_with_what_was_expected() {
        let defaults =
            table("url = \"x\"\nmost = 3\nshare = 0.5\nallow = []\n[rate]\nwindow = \"1m\"\n[answers]\n");
        let check = |text: &str| misfit(&defaults, &table(text));

        assert_eq!(check("most = 4\nshare = 1\nallow = [1]\nother = true\n[answers]\nwindos = 1"), None);
        assert_eq!(
            check("most = \"4\"").unwrap(),
            "most is a text, expected a whole number, as its default 3 is"
        );
        assert_eq!(
            check("most = 1.5").unwrap(),
            "most is a number, expected a whole number, as its default 3 is"
        );
        assert_eq!(
            check("[rate]\nwindow = 60").unwrap(),
            "rate.window is a whole number, expected a text, as its default \"1m\" is"
        );
        assert_eq!(check("rate = 3").unwrap(), "rate is a whole number, expected a table");
        assert_eq!(
            check("[rate]\nwindwo = \"2m\""),
            None,
            "an author may know of settings without a default"
        );
    }

    #[test]
    fn a_key_that_looks_like_another_is_named() {
        let defaults = table("most = 3\n\"\" = 1\n[rate]\nwindow = \"1m\"\n[answers]\n");
        let look = |text: &str| lookalike(&defaults, &table(text));

        assert_eq!(
            look("[rate]\nwindwo = \"2m\"").unwrap(),
            "rate.windwo has no default; did you mean window?"
        );
        assert_eq!(look("most = 1\nmosts = 1"), None, "the one that it looks like is set beside it");
        assert_eq!(look("colour = 1\n[answers]\nwindos = 1"), None);
    }
}
