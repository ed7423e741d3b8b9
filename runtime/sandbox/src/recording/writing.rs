//! Writing a recording while a plugin works.

use std::{
    any::Any,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::future::BoxFuture;
use thiserror::Error;

use super::format::{Answer, Ended, Header, Step, Take};
use crate::{
    call::{Answering, HostCall, HostError, HostReply},
    event::{Event, Outcome},
    guest::{Fault, Moment},
    permission::{Grants, Permission},
};

/// More recordings than these beside each other are a plugin that is loaded again and again.
const MAX_NUMBER: u32 = 1000;

/// Why there is no recording, or none any more. The plugin itself is not at fault, and goes on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The plugin may read a secret.
    #[error(
        "a plugin that is granted {0} is not recorded: what it does may hold the secret; revoke the grant first"
    )]
    RevealsSecrets(Permission),
    /// The file could not be made or written.
    #[error("could not write the recording {}: {source}", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The recording is as long as it may be.
    #[error("the recording {} is full: it has {max} bytes", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// How long it may be.
        max: u64,
    },
}

/// Writes a recording, call by call.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    file: File,
    written: u64,
    max: u64,
}

impl Recorder {
    /// Begins a recording in a new file of at most `max` bytes, which only its owner may read. Where `path` is taken, by the
    /// version of the plugin before this one for instance, a number comes behind it: `path.2` and so on.
    ///
    /// # Errors
    /// [`RecordError::RevealsSecrets`], [`RecordError::Disk`].
    pub fn create(path: &Path, header: &Header, grants: &Grants, max: u64) -> Result<Self, RecordError> {
        let reveals = grants.iter().find(|grant| matches!(grant, Permission::SecretReveal(_)));
        if let Some(grant) = reveals {
            return Err(RecordError::RevealsSecrets(grant.clone()));
        }
        let (path, file) =
            first_free(path).map_err(|source| RecordError::Disk { path: path.to_owned(), source })?;
        let mut recorder = Self { path, file, written: 0, max };
        let line = serde_json::to_vec(header).map_err(|error| recorder.broken(error.into()))?;
        recorder.write(line)?;
        Ok(recorder)
    }

    /// The file that it goes into.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Listens to one call from its beginning: give the answer to the plugin in place of `host`. `fresh` tells whether the
    /// instance is a new one.
    pub fn listen(
        &self,
        event: &Event,
        moment: &Moment,
        fresh: bool,
        host: Box<dyn Answering>,
    ) -> (Box<dyn Answering>, Taping) {
        let take = Take {
            fresh,
            now: moment.now_ms,
            seed: moment.seed,
            event: event.clone(),
            steps: Vec::new(),
            printed: String::new(),
            ended: Ended::Outcome(Outcome::Done),
        };
        let room = usize::try_from(self.max.saturating_sub(self.written)).unwrap_or(usize::MAX);
        let taping = Taping { taped: Arc::new(Mutex::new(Taped { take, room })) };
        (Box::new(Listening { host, taped: Arc::clone(&taping.taped) }), taping)
    }

    /// Writes down a call that has ended; it is on disk when this returns.
    ///
    /// # Errors
    /// [`RecordError::Full`] and [`RecordError::Disk`]: the recording has ended, with the call before this one.
    pub fn finish(&mut self, taping: Taping, outcome: &Result<Outcome, Fault>) -> Result<(), RecordError> {
        let line = {
            let mut taped = taping.taped();
            if taped.room == 0 {
                return Err(self.full());
            }
            taped.take.ended = Ended::of(outcome);
            serde_json::to_vec(&taped.take).map_err(|error| self.broken(error.into()))?
        };
        self.write(line)
    }

    /// How long it is, in bytes.
    pub fn written(&self) -> u64 {
        self.written
    }

    fn write(&mut self, mut line: Vec<u8>) -> Result<(), RecordError> {
        line.push(b'\n');
        let size = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if self.written.saturating_add(size) > self.max {
            return Err(self.full());
        }
        // One write: a reader finds a whole line or a torn one, never two halves.
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        written.map_err(|source| self.broken(source))?;
        self.written += size;
        Ok(())
    }

    fn full(&self) -> RecordError {
        RecordError::Full { path: self.path.clone(), max: self.max }
    }

    fn broken(&self, source: io::Error) -> RecordError {
        RecordError::Disk { path: self.path.clone(), source }
    }
}

/// Makes a file where none is: at `path`, or with the first number behind it that is free.
fn first_free(path: &Path) -> io::Result<(PathBuf, File)> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut free = path.to_owned();
    for number in 2..=MAX_NUMBER {
        match options.open(&free) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let mut numbered = path.as_os_str().to_owned();
                numbered.push(format!(".{number}"));
                free = numbered.into();
            }
            opened => return opened.map(|file| (free, file)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// One call that is being recorded. Dropped, it is not written down.
#[derive(Debug)]
pub struct Taping {
    taped: Arc<Mutex<Taped>>,
}

#[derive(Debug)]
struct Taped {
    take: Take,
    /// How many bytes there may still be; none when the call is longer than the recording may be, and will not be written.
    room: usize,
}

impl Taping {
    fn taped(&self) -> MutexGuard<'_, Taped> {
        lock(&self.taped)
    }
}

impl Taped {
    /// Takes so much of the room; what no longer fits is not kept.
    fn fits(&mut self, size: usize) -> bool {
        self.room = self.room.saturating_sub(size);
        if self.room == 0 {
            self.take.steps = Vec::new();
            self.take.printed = String::new();
        }
        self.room > 0
    }
}

/// The host that [`Recorder::listen`] was given, when the call has ended; any other host as it is.
pub fn unlisten(host: Box<dyn Answering>) -> Box<dyn Answering> {
    if !(&*host as &dyn Any).is::<Listening>() {
        return host;
    }
    let host: Box<dyn Any> = host;
    host.downcast::<Listening>().expect("it was just looked at").host
}

/// Stands between a plugin and its host.
struct Listening {
    host: Box<dyn Answering>,
    taped: Arc<Mutex<Taped>>,
}

impl Answering for Listening {
    fn answer(&mut self, call: HostCall) -> BoxFuture<'_, Result<HostReply, HostError>> {
        // What was asked is known before the host answers: the call may end while it waits.
        let at = {
            let mut taped = lock(&self.taped);
            let step = Step { call: call.clone(), answer: None };
            if taped.fits(size(&step)) {
                taped.take.steps.push(step);
            }
            taped.take.steps.len()
        };
        Box::pin(async move {
            let answer = self.host.answer(call).await;
            let told = Answer::from(answer.clone());
            let mut taped = lock(&self.taped);
            if taped.fits(size(&told))
                && let Some(step) = at.checked_sub(1).and_then(|at| taped.take.steps.get_mut(at))
            {
                step.answer = Some(told);
            }
            answer
        })
    }

    fn printed(&mut self, text: &str) {
        let mut taped = lock(&self.taped);
        if taped.fits(text.len()) {
            taped.take.printed.push_str(text);
        }
        drop(taped);
        self.host.printed(text);
    }
}

/// A panic while it was held ends the call that it happened in, and its recording is not written.
fn lock(taped: &Mutex<Taped>) -> MutexGuard<'_, Taped> {
    taped.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long something is as JSON.
fn size(value: &impl serde::Serialize) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting cannot fail; what cannot be written as JSON is refused when it is.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}
