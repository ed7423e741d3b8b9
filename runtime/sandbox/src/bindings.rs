//! The contract of `sdk-wasm/wit`, as generated for a host.

pub(crate) mod bot {
    wasmtime::component::bindgen!({
        path: "../../sdk-wasm/wit",
        world: "bot",
        imports: { default: async },
        exports: { default: async },
    });
}

pub(crate) mod filter {
    wasmtime::component::bindgen!({
        path: "../../sdk-wasm/wit",
        world: "filter",
        imports: { default: async },
        exports: { default: async },
        with: {
            "starling:plugin/types": super::bot::starling::plugin::types,
            "starling:plugin/kv": super::bot::starling::plugin::kv,
            "starling:plugin/config": super::bot::starling::plugin::config,
            "starling:plugin/log": super::bot::starling::plugin::log,
            "starling:plugin/clock": super::bot::starling::plugin::clock,
            "starling:plugin/random": super::bot::starling::plugin::random,
            "starling:plugin/identity": super::bot::starling::plugin::identity,
        },
    });
}
