//! The host, as a plugin sees it during a call.

use crate::{
    Clock, Config, Conversations, Http, Identity, Kv, Log, Outbox, Random, Secrets, Timers, imports::Backing,
};

/// The host of a bot: a handle for each capability. None is there unless `plugin.toml` asks for its permission and the
/// operator grants it; one that is not answers [`AccessDenied`](crate::Error::AccessDenied).
pub struct Host {
    backing: Backing,
}

impl Host {
    pub(crate) fn new(backing: Backing) -> Self {
        Self { backing }
    }

    /// Sending. Permissions `send:…`, `react:…` and `delete`.
    pub fn outbox(&self) -> Outbox<'_> {
        Outbox::new(&self.backing)
    }

    /// Stored conversations. Permission `read:…`.
    pub fn conversations(&self) -> Conversations<'_> {
        Conversations::new(&self.backing)
    }

    /// The plugin's own store. Permission `kv`.
    pub fn kv(&self) -> Kv<'_> {
        Kv::new(&self.backing)
    }

    /// Being called later. Permission `timers`.
    pub fn timers(&self) -> Timers<'_> {
        Timers::new(&self.backing)
    }

    /// Asking web servers. Permission `http:<origin>`.
    pub fn http(&self) -> Http<'_> {
        Http::new(&self.backing)
    }

    /// What the operator set. Permission `config`.
    pub fn config(&self) -> Config<'_> {
        Config::new(&self.backing)
    }

    /// Secrets that the operator lends. Permissions `secret:<name>` and `secret-reveal:<name>`.
    pub fn secrets(&self) -> Secrets<'_> {
        Secrets::new(&self.backing)
    }

    /// The plugin's log. Permission `log`.
    pub fn log(&self) -> Log<'_> {
        Log::new(&self.backing)
    }

    /// The time. Permission `clock`.
    pub fn clock(&self) -> Clock<'_> {
        Clock::new(&self.backing)
    }

    /// Randomness. Permission `random`.
    pub fn random(&self) -> Random<'_> {
        Random::new(&self.backing)
    }

    /// Who the plugin speaks as. Permission `identity`.
    pub fn identity(&self) -> Identity<'_> {
        Identity::new(&self.backing)
    }
}

/// The host of a filter, which cannot send, read, wait or ask the web.
pub struct FilterHost {
    backing: Backing,
}

impl FilterHost {
    pub(crate) fn new(backing: Backing) -> Self {
        Self { backing }
    }

    /// The plugin's own store. Permission `kv`.
    pub fn kv(&self) -> Kv<'_> {
        Kv::new(&self.backing)
    }

    /// What the operator set. Permission `config`.
    pub fn config(&self) -> Config<'_> {
        Config::new(&self.backing)
    }

    /// The plugin's log. Permission `log`.
    pub fn log(&self) -> Log<'_> {
        Log::new(&self.backing)
    }

    /// The time. Permission `clock`.
    pub fn clock(&self) -> Clock<'_> {
        Clock::new(&self.backing)
    }

    /// Randomness. Permission `random`.
    pub fn random(&self) -> Random<'_> {
        Random::new(&self.backing)
    }

    /// Who the plugin speaks as. Permission `identity`.
    pub fn identity(&self) -> Identity<'_> {
        Identity::new(&self.backing)
    }
}
