//! The backend over the file.

use std::{path::PathBuf, sync::Arc, time::Duration};

use starling_contracts::staking::NodeList;
use starling_kernel::{CpuPool, Task, task};
use starling_protocol::crypto::{ed25519, hash::blake2b};

use super::{FileError, NodeListFile, file::read_bounded};
use crate::{
    backend::{Backend, BackendError},
    config::LocalConfig,
};

/// Reads the file at every question, and understands it only when it has changed.
pub(crate) struct Follower {
    file: PathBuf,
    authority: ed25519::PublicKey,
    poll: Duration,
    pool: CpuPool,
    /// What the file was when it was last looked at.
    seen: Arc<std::sync::Mutex<Seen>>,
}

/// Two questions never overlap; the lock only carries the memory from one job on the pool to the next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Seen {
    #[default]
    Nothing,
    /// The file of this digest was accepted, or refused and the operator told.
    Content([u8; 32]),
    /// There was no content to look at, and the operator was told so in these words.
    Failure(String),
}

impl Follower {
    pub(crate) fn new(config: &LocalConfig, pool: CpuPool) -> Result<Self, String> {
        let authority = config.authority.ok_or("staking.backend.authority is missing")?;
        Ok(Self { file: config.file.clone(), authority, poll: config.poll, pool, seen: Arc::default() })
    }
}

impl Backend for Follower {
    fn waiting_for(&self) -> String {
        format!("no node list yet: waiting for {}", self.file.display())
    }

    fn poll_every(&self) -> Duration {
        self.poll
    }

    fn newest(&mut self, held: Option<Arc<NodeList>>) -> Task<Result<Option<NodeList>, BackendError>> {
        let (file, authority, seen) = (self.file.clone(), self.authority, Arc::clone(&self.seen));
        let pool = self.pool.clone();
        task(async move {
            let look = move || {
                let mut seen = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                look(&file, &authority, held.as_deref(), &mut seen)
            };
            pool.run(look).await.unwrap_or_else(|_| {
                Err(BackendError(
                    "reading the node list panicked; this is a defect of the program".to_owned(),
                ))
            })
        })
    }
}

fn look(
    file: &std::path::Path,
    authority: &ed25519::PublicKey,
    held: Option<&NodeList>,
    seen: &mut Seen,
) -> Result<Option<NodeList>, BackendError> {
    let bytes = match read_bounded(file) {
        Ok(bytes) => bytes,
        // Before the first list its absence is the normal case, and `waiting_for` tells it.
        Err(FileError::Missing { .. }) if held.is_none() => return Ok(None),
        Err(error) => {
            let failure = Seen::Failure(error.to_string());
            let is_news = *seen != failure;
            *seen = failure;
            return if is_news { Err(BackendError(error.to_string())) } else { Ok(None) };
        }
    };
    let digest = Seen::Content(blake2b(&[&bytes]));
    if *seen == digest {
        return Ok(None);
    }
    *seen = digest;
    let list = understand(file, &bytes, authority).map_err(|error| BackendError(error.to_string()))?;
    match held {
        Some(held) if *held == list => Ok(None),
        Some(held) if list.height <= held.height => Err(BackendError(format!(
            "the node list {} has height {}, which is not above the {} of the list in use",
            file.display(),
            list.height,
            held.height,
        ))),
        _ => Ok(Some(list)),
    }
}

fn understand(
    file: &std::path::Path,
    bytes: &[u8],
    authority: &ed25519::PublicKey,
) -> Result<NodeList, FileError> {
    let list = NodeListFile::parse(file, bytes)?;
    list.verify(authority)?;
    Ok(list.into_list())
}
