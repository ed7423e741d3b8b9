//! Scripts: what a plugin is told in a test, and what it is expected to do. `starling plugin test` runs every `tests/*.json` of a
//! plugin against the compiled component, with a clock, a store, timers and web servers that exist in the test alone.
//!
//! ```json
//! {
//!   "about": "a greeting, and a reminder ten minutes later",
//!   "config": { "greeting": "Hi" },
//!   "steps": [
//!     { "message": "hello", "from": "alice", "expect": [{ "reply": "Hi alice" }] },
//!     { "command": "/remind 10m \"green tea\"", "from": "alice",
//!       "expect": [{ "timer-set": { "name": { "contains": "tea" }, "after": "10m" } }, { "send": { "to": "alice", "body": "I will." } }],
//!       "kv": { "reminders": "1", "unknown": null } },
//!     { "advance": "9m", "expect": [] },
//!     { "advance": "1m", "expect": [{ "send": { "to": "alice", "body": { "contains": "green tea" } } }] },
//!     { "command": "/remind soon", "outcome": { "failed": { "reject": { "contains": "soon" } } }, "expect": [] }
//!   ]
//! }
//! ```
//!
//! # The whole script
//!
//! | key | what | when left out |
//! |---|---|---|
//! | `about` | what it shows, one line | nothing |
//! | `grants` | the permissions granted, as in `plugin.toml`; `send:bob` names somebody | all that `plugin.toml` asks |
//! | `config` | the operator's values, over the defaults of `plugin.toml` | none |
//! | `secrets` | values by name | none |
//! | `now` | when it begins, Unix milliseconds | 1767225600000, the first of January 2026 |
//! | `seed` | a number from which all randomness comes | 0 |
//! | `history` | messages that are there already: `{ "with": "alice", "from": "me", "body": "…" }` | none |
//! | `http` | the requests it may make, in order, and their answers; see below | none: every request is a failure of the test |
//! | `steps` | what happens | must be there |
//!
//! Keys that are none of these are refused, here and everywhere below.
//!
//! # People
//!
//! Where an account or a conversation is meant, a name of a-z, 0-9, - and _ stands for the id of a person who exists in scripts
//! alone, and always for the same; `me` is the plugin's own account. A conversation with somebody has the id of that person.
//! An id of 66 characters is taken as it is.
//!
//! # Steps
//!
//! A step is one event, or time that passes. Of these it has exactly one:
//!
//! | key | what happens |
//! |---|---|
//! | `"message": TEXT` | `from` (when left out, `alice`) writes it. Offered as the host would: a text that begins with `/` as a command when `plugin.toml` declares those. `"is-request"` is true until something was sent to that person, unless it is said |
//! | `"command": TEXT` | the same; the text must be a command: a slash and a word |
//! | `"reaction": EMOJI`, `"on": TEXT` | `from` puts it on the last message of that conversation with that text; `"remove": true` takes it off |
//! | `"receipt": TEXT` | `from` has read the last message with that text |
//! | `"deletion": TEXT` | `from` takes back the last message with that text |
//! | `"timer": NAME` | that timer fires now, set or not |
//! | `"review": TEXT` | an item for a filter, by `from`; with `is-request`, `attachments` (a number), `room` (an address) |
//! | `"start": true`, `"migrate": VERSION` | the export of that name |
//! | `"restart": true` | what the plugin holds in memory is gone, and `on-start` is called |
//! | `"event": {…}` | any event in full: [`Event`](crate::event::Event) as JSON |
//! | `"advance": TIME` | the clock moves on; timers that come due fire in order, each at its time |
//!
//! Times are texts such as `"10m"` and `"1h 30s"`, or numbers of milliseconds. Every event comes a millisecond after the one
//! before it. A bot is started before the first step, and what it does then is not looked at, unless that step is `start` or
//! `migrate`.
//!
//! # Expectations
//!
//! Beside the event stands what is expected of it:
//!
//! | key | what | when left out |
//! |---|---|---|
//! | `expect` | what the plugin does, in order, and nothing else | not looked at |
//! | `outcome` | `"done"`, `{ "failed": { "retry": 1000 } }`, `{ "failed": { "reject": PATTERN } }`, `{ "judged": VERDICT }`, `{ "fault": "trapped" }` (or `timed-out`, `out-of-memory`, `stack-exhausted`, `contract`) | `"done"`; of a review, any verdict |
//! | `verdict` | the same as `outcome` with `judged`: `"allow"`, `{ "flag": PATTERN }`, `{ "hold": PATTERN }`, `{ "reject": PATTERN }`, `{ "replace": PATTERN }` | |
//! | `kv` | patterns for values by key, after the step; `null` for a key that must not be there | not looked at |
//! | `timers` | the names of all timers that are set after the step | not looked at |
//! | `about` | what the step shows; for the report | nothing |
//!
//! What a plugin does is one of these. Parts of an object that are left out are not looked at; the short form is the part in bold.
//!
//! | action | parts |
//! |---|---|
//! | `send` | `to`, **`body`**; the short form must go to the person of the step, where there is one |
//! | `reply` | `to`, **`body`**, `quotes` (the text of the message replied to); the short form must reply to the message of the step |
//! | `react` | `to`, **`emoji`**, `on` (the text of that message), `remove` |
//! | `delete-own` | **`body`**: the text that is taken back |
//! | `timer-set` | **`name`**, `after`, `every` (`null` for one that fires once) |
//! | `timer-cancel` | **`name`** |
//! | `log` | `level`, **`line`** |
//! | `printed` | **`line`**: on its standard output or error |
//! | `fetch` | `method`, **`url`** |
//! | `refused` | **`call`** (such as `outbox.send`), `error` (`access-denied`, `quota-exceeded`, `invalid-argument`, `not-found`, `other`) |
//!
//! `log`, `printed`, `fetch` and `refused` are only looked at in a step whose `expect` has at least one of the same kind, so a new
//! line in a log breaks no test. What a call that fails has sent, set and stored is undone, and so is not there to be expected;
//! a script does not offer its event again.
//!
//! # Patterns
//!
//! Where a text is expected: `"exactly this"`, `{ "contains": "…" }`, `{ "matches": "a regular expression" }` (found anywhere in
//! the text; `^` and `$` bind it), `{ "json": … }` (the text is JSON of this value).
//!
//! # Web servers
//!
//! `http` lists exchanges, which must be made in this order and all of them:
//!
//! ```json
//! { "expect": { "method": "POST", "url": "https://api.example.org/v1", "headers": { "authorization": "Bearer abc" }, "body": { "json": { "n": 1 } } },
//!   "answer": { "status": 200, "headers": { "content-type": "application/json" }, "body": "{}" } }
//! ```
//!
//! Each part of `expect` is a pattern and may be left out; secrets in headers are compared as they would be sent. A body that is not
//! text is `{ "base64": "…" }`; one of an answer may be `{ "json": … }`. Instead of an answer, `"timeout"` fails the request as
//! a server that does not answer in time does, and `"hang"` lets it wait until the deadline of the whole call.

mod action;
mod ending;
mod expect;
mod format;
mod host;
mod pattern;
mod people;
mod rehearsal;
mod report;
mod runner;
mod stage;
mod step;
mod store;
mod web;

pub use format::{Script, ScriptError};
pub use rehearsal::{Rehearsal, Rehearsed};
pub use report::{Failed, Report};
pub use runner::{Callee, Seated};
