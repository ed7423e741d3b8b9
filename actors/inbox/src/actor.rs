//! The actor: one handler per message.

use std::{path::PathBuf, rc::Rc, sync::Arc};

use starling_contracts::inbox::{
    DiscardHeld, Error, ListHeld, ListMessages, Poll, Polled, ReleaseHeld, SendReaction, SendReply, SendText,
    Sent, StoredMessage, Unsend,
};
use starling_kernel::{Actor, Context, Fault, Handler, Message as _, Spec, Task, task};
use tracing::info;

use crate::{
    config::Config,
    desk::Desk,
    draft::Draft,
    holding,
    metrics::{self, Sending},
    receiving, sending,
    store::Store,
};

/// Sends, polls and keeps the messages of one data folder.
///
/// It is made with the folder's messages open and locked for this process. What it knows is on disk; in memory there is only
/// who waits for whom.
pub struct Inbox {
    desk: Rc<Desk>,
}

/// How to run the actor over the messages in `data_dir`. It starts after the keeper of
/// accounts and the client half of routing, and is drained before them.
pub fn spec(config: Config, data_dir: PathBuf) -> Spec<Inbox> {
    let bounds = config.bounds.clone();
    let data_dir = Arc::new(data_dir);
    Spec::new(move |ctx| Inbox::open(config.clone(), Arc::clone(&data_dir), ctx))
        .bounds(bounds)
        .needs("accounts")
        .needs("paths")
        .serves::<SendText>()
        .serves::<SendReply>()
        .serves::<SendReaction>()
        .serves::<Unsend>()
        .serves::<Poll>()
        .serves::<ListMessages>()
        .serves::<ListHeld>()
        .serves::<ReleaseHeld>()
        .serves::<DiscardHeld>()
}

impl Inbox {
    async fn open(config: Config, data_dir: Arc<PathBuf>, ctx: Context) -> Result<Self, Fault> {
        metrics::register();
        config.validate().map_err(Fault::new)?;
        let opening = ctx.pool().run(move || Store::open(&data_dir));
        let opened = opening.await.map_err(|error| Fault::caused_by("opening the inbox failed", error))?;
        let store = Arc::new(opened.map_err(|error| Fault::new(error.to_string()))?);
        info!("inbox opened");
        Ok(Self { desk: Rc::new(Desk::new(config, ctx, store)) })
    }
}

impl Actor for Inbox {
    const NAME: &'static str = "inbox";
}

impl Handler<SendText> for Inbox {
    fn handle(&mut self, SendText { profile, to, body }: SendText, _: &Context) -> Task<Result<Sent, Error>> {
        let desk = Rc::clone(&self.desk);
        task(async move { sending::send(&desk, Sending::Text, profile, to, Draft::text(body)).await })
    }
}

impl Handler<SendReply> for Inbox {
    fn handle(
        &mut self,
        SendReply { profile, to, body, quoted }: SendReply,
        _: &Context,
    ) -> Task<Result<Sent, Error>> {
        let desk = Rc::clone(&self.desk);
        let draft = Draft::reply(&to, body, quoted);
        task(async move { sending::send(&desk, Sending::Reply, profile, to, draft).await })
    }
}

impl Handler<SendReaction> for Inbox {
    fn handle(
        &mut self,
        SendReaction { profile, to, target, emoji, remove }: SendReaction,
        _: &Context,
    ) -> Task<Result<Sent, Error>> {
        let desk = Rc::clone(&self.desk);
        let draft = Draft::reaction(&to, target, &emoji, remove);
        task(async move { sending::send(&desk, Sending::Reaction, profile, to, draft).await })
    }
}

impl Handler<Unsend> for Inbox {
    fn handle(&mut self, Unsend { profile, to, sent_at }: Unsend, _: &Context) -> Task<Result<Sent, Error>> {
        let desk = Rc::clone(&self.desk);
        let draft = Ok(Draft::unsend(sent_at));
        task(async move { sending::send(&desk, Sending::Unsend, profile, to, draft).await })
    }
}

impl Handler<Poll> for Inbox {
    fn handle(&mut self, message: Poll, _: &Context) -> Task<Result<Polled, Error>> {
        let desk = Rc::clone(&self.desk);
        task(async move { receiving::poll(&desk, message).await })
    }
}

impl Handler<ListMessages> for Inbox {
    fn handle(
        &mut self,
        ListMessages { profile, after, limit }: ListMessages,
        _: &Context,
    ) -> Task<Result<Vec<StoredMessage>, Error>> {
        let desk = Rc::clone(&self.desk);
        task(async move {
            let account = desk.unlock(&profile).await?;
            let listing = move |store: &Store, sealer: &_| store.list(sealer, after, limit);
            desk.on_disk(ListMessages::NAME, &account, listing).await
        })
    }
}

impl Handler<ListHeld> for Inbox {
    fn handle(
        &mut self,
        ListHeld { profile, after, limit }: ListHeld,
        _: &Context,
    ) -> Task<Result<Vec<StoredMessage>, Error>> {
        let desk = Rc::clone(&self.desk);
        task(async move {
            let account = desk.unlock(&profile).await?;
            let listing = move |store: &Store, sealer: &_| store.list_held(sealer, after, limit);
            desk.on_disk(ListHeld::NAME, &account, listing).await
        })
    }
}

impl Handler<ReleaseHeld> for Inbox {
    fn handle(&mut self, message: ReleaseHeld, _: &Context) -> Task<Result<StoredMessage, Error>> {
        let desk = Rc::clone(&self.desk);
        task(async move { holding::release(&desk, message).await })
    }
}

impl Handler<DiscardHeld> for Inbox {
    fn handle(&mut self, message: DiscardHeld, _: &Context) -> Task<Result<(), Error>> {
        let desk = Rc::clone(&self.desk);
        task(async move { holding::discard(&desk, message).await })
    }
}
