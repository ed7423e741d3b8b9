//! Plugins in real processes: made from a template, answering in a private network, killed and started again, recorded and played.

mod bot;
mod crashes;
mod recordings;
mod templates;
