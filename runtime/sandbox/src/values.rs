//! Values of settings: sizes as people write them, and the free tables that plugins are given as JSON.

use serde_json::{Map, Value};

use crate::nearest::nearest;

/// The deepest nesting of a plugin's own settings.
const MAX_DEPTH: usize = 16;
/// The longest form of a plugin's own settings as JSON, in bytes.
const MAX_JSON: usize = 64 * 1024;

/// What is wrong with a plugin's own settings, to be read after their key: what JSON cannot say, or too much of it.
pub(crate) fn problem(table: &toml::Table) -> Option<String> {
    if let Some(key) = table.iter().find_map(|(key, value)| beyond_json(value, MAX_DEPTH).then_some(key)) {
        return Some(format!("has a number that is none, or tables in too many tables, at {key:?}"));
    }
    let json = Value::Object(json(table)).to_string();
    (json.len() > MAX_JSON).then(|| format!("is longer than {} KiB as JSON", MAX_JSON / 1024))
}

fn beyond_json(value: &toml::Value, depth: usize) -> bool {
    match value {
        toml::Value::Float(number) => !number.is_finite(),
        toml::Value::Array(items) => depth == 0 || items.iter().any(|item| beyond_json(item, depth - 1)),
        toml::Value::Table(table) => depth == 0 || table.values().any(|item| beyond_json(item, depth - 1)),
        _ => false,
    }
}

/// A table as JSON: dates become texts, numbers that are none become nothing.
pub fn json(table: &toml::Table) -> Map<String, Value> {
    table.iter().map(|(key, value)| (key.clone(), json_value(value))).collect()
}

fn json_value(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(flag) => (*flag).into(),
        toml::Value::Datetime(moment) => moment.to_string().into(),
        toml::Value::Array(items) => items.iter().map(json_value).collect(),
        toml::Value::Table(table) => json(table).into(),
    }
}

/// A plugin's settings in force: the author's defaults, and over them the operator's values. Tables are merged key by key,
/// everything else is replaced as a whole.
pub fn laid_over(mut defaults: toml::Table, values: &toml::Table) -> toml::Table {
    for (key, value) in values {
        let merged = match (defaults.remove(key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => laid_over(below, above).into(),
            _ => value.clone(),
        };
        defaults.insert(key.clone(), merged);
    }
    defaults
}

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

/// An optional size, written so that it is read back as it was.
pub(crate) mod size {
    use bytesize::ByteSize;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<ByteSize>, D::Error> {
        Option::<ByteSize>::deserialize(input)
    }

    pub(crate) fn serialize<S: Serializer>(size: &Option<ByteSize>, output: S) -> Result<S::Ok, S::Error> {
        match size {
            Some(size) => output.collect_str(&super::size_text(size.as_u64())),
            None => output.serialize_none(),
        }
    }
}

/// A number of bytes in the largest unit that leaves it whole.
pub(crate) fn size_text(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let whole = units.into_iter().find(|(_, bits)| bytes != 0 && bytes.trailing_zeros() >= *bits);
    match whole {
        Some((unit, bits)) => format!("{} {unit}", bytes >> bits),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> toml::Table {
        text.parse().unwrap()
    }

    #[test]
    fn the_operator_s_values_lie_over_the_author_s() {
        let author = table("greeting = \"Hello\"\n[limits]\na = 1\nb = [1, 2]\n");
        let operator = table("extra = true\n[limits]\nb = [3]\n");

        let merged = json(&laid_over(author, &operator));

        let expected = serde_json::json!({"greeting": "Hello", "extra": true, "limits": {"a": 1, "b": [3]}});
        assert_eq!(Value::Object(merged), expected);
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

    #[test]
    fn what_json_cannot_say_is_refused() {
        assert!(problem(&table("a = [{ b = nan }]")).unwrap().contains("\"a\""));
        assert!(problem(&table(&format!("a = \"{}\"", "x".repeat(MAX_JSON)))).unwrap().contains("64 KiB"));
        let deep = format!("a = {}1{}", "[".repeat(40), "]".repeat(40));
        assert!(problem(&table(&deep)).is_some());
        assert_eq!(problem(&table("a = 1.5\nb = 1979-05-27\n[c.d.e]\nf = []")), None);
    }

    #[test]
    fn a_size_is_read_back_as_it_was() {
        for bytes in [0, 1, 1_000, 1_024, 1_500_000, 32 << 20, 3 << 30, u64::MAX] {
            let read: bytesize::ByteSize = size_text(bytes).parse().unwrap();

            assert_eq!(read.as_u64(), bytes, "{}", size_text(bytes));
        }
    }
}
