//! Web servers as texts name them: one reading of each text, so that what is checked is what is asked.

mod host;
mod url;

pub use self::{
    host::{Host, NotAHost},
    url::{MAX_URL, NotAUrl, Url},
};
