//! About how long a JSON value becomes as text, without writing it.

use serde_json::Value;

/// What is not longer is written on the thread of its connection: less than a tenth of a millisecond.
pub(super) const LIGHT: usize = 64 << 10;

/// For quotes, brackets, numbers and what parts them.
const EACH: usize = 8;

/// The length of all texts in it, and a little for everything else.
pub(super) fn of(value: &Value) -> usize {
    EACH + match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => EACH,
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(of).sum(),
        Value::Object(members) => members.iter().map(|(name, value)| EACH + name.len() + of(value)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_about_the_length_of_the_text() {
        let message = |n: u32| json!({ "hash": "h".repeat(43), "data": "x".repeat(2000), "timestamp": 1_700_000_000_000_u64 + u64::from(n) });
        let many = json!({ "messages": (0..100).map(message).collect::<Vec<_>>(), "more": false });
        let length = many.to_string().len();

        let weight = of(&many);

        assert!(weight >= length && weight < length + length / 10, "{weight} for {length}");
    }
}
