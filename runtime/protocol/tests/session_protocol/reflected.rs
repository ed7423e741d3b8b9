//! Builds contents from their description in a vector file, by the names in the schema.

use std::path::Path;

use protox::prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value,
};
use serde_json::Value as Json;
use starling_protocol::content::Content;

/// The schema in `proto/`, for looking fields up by name.
pub(crate) struct Schema(DescriptorPool);

impl Schema {
    pub(crate) fn compile() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
        let files = protox::compile(["content.proto"], [folder]).expect("the schema compiles");
        Self(DescriptorPool::from_file_descriptor_set(files).expect("the schema is complete"))
    }

    /// The content with exactly these fields.
    pub(crate) fn content(&self, fields: &Json) -> Content {
        let descriptor =
            self.0.get_message_by_name("starling.content.Content").expect("the root of the schema");
        message(&descriptor, fields).transcode_to().expect("the generated code has the same schema")
    }
}

fn message(descriptor: &MessageDescriptor, fields: &Json) -> DynamicMessage {
    let mut built = DynamicMessage::new(descriptor.clone());
    for (name, value) in fields.as_object().expect("a message is described by an object") {
        // Other names that the documents use for a field.
        let name = match name.as_str() {
            "communityInvitation" => "openGroupInvitation",
            "genIndexHash" => "revocationTag",
            "deprecated_id" => "id",
            name => name,
        };
        let field = descriptor
            .get_field_by_json_name(name)
            .unwrap_or_else(|| panic!("{} has no field {name}", descriptor.name()));
        let value = match value {
            Json::Array(values) if field.is_list() => {
                Value::List(values.iter().map(|value| single(&field, value)).collect())
            }
            value => single(&field, value),
        };
        built.set_field(&field, value);
    }
    built
}

fn single(field: &FieldDescriptor, value: &Json) -> Value {
    let number = || value.as_u64().unwrap_or_else(|| panic!("{} is a number", field.name()));
    let text = || value.as_str().unwrap_or_else(|| panic!("{} is a text", field.name()));
    match field.kind() {
        Kind::Message(inner) => Value::Message(message(&inner, value)),
        Kind::Enum(choices) => {
            let choice = choices.get_value_by_name(text());
            Value::EnumNumber(
                choice.unwrap_or_else(|| panic!("{} has no value {value}", field.name())).number(),
            )
        }
        Kind::String => Value::String(text().to_owned()),
        Kind::Bytes => Value::Bytes(hex::decode(text()).expect("hex").into()),
        Kind::Bool => Value::Bool(value.as_bool().expect("a bool")),
        Kind::Uint32 => Value::U32(number().try_into().expect("32 bits")),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(number()),
        Kind::Int64 => Value::I64(value.as_i64().expect("a number")),
        other => panic!("the schema has no field of kind {other:?}"),
    }
}
