//! Values of settings: sizes as people write them, and the free tables that plugins are given as JSON.

use serde_json::{Map, Value};

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
