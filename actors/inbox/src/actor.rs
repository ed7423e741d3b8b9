//! The actor: one handler per message.

use std::{path::PathBuf, rc::Rc, sync::Arc};

use starling_contracts::inbox::{Error, ListMessages, Poll, Polled, SendText, Sent, StoredMessage};
use starling_kernel::{Actor, Context, Fault, Handler, Message as _, Spec, Task, task};
use tracing::info;

use crate::{config::Config, desk::Desk, metrics, receiving, sending, store::Store};

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
        .serves::<Poll>()
        .serves::<ListMessages>()
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
    fn handle(&mut self, message: SendText, _: &Context) -> Task<Result<Sent, Error>> {
        let desk = Rc::clone(&self.desk);
        task(async move { sending::send(&desk, message).await })
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
