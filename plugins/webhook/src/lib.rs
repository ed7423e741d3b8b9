//! Posts what comes in to a web server, and sends what that answers.
//!
//! - [`Webhook`]: the bot.
//! - `settings`: where to, with which secret, for which conversations.
//! - `post`: what is posted, and what an answer means.

mod post;
mod settings;

use starling_plugin::{Bot, Host, Message, Outcome, export_bot};

use crate::settings::Settings;

/// The bot.
#[derive(Default)]
pub struct Webhook;

impl Bot for Webhook {
    fn on_start(&mut self, host: &Host) -> Outcome {
        let settings = Settings::read(host)?;
        if let Some(secret) = &settings.secret
            && !host.secrets().exists(&secret.name)?
        {
            host.log().warn(format!("there is no secret `{}`: requests will fail", secret.name));
        }
        Ok(())
    }

    fn on_message(&mut self, host: &Host, message: Message) -> Outcome {
        let settings = Settings::read(host)?;
        if !settings.wants(&message) {
            return Ok(());
        }
        let response = post::post(host, &settings, &message)?;
        let Some(text) = post::understand(&response)? else { return Ok(()) };
        if settings.answer {
            host.outbox().send_long(message.conversation(), &text)?;
        }
        Ok(())
    }
}

export_bot!(Webhook);
