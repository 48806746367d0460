//! Who has a place at the API's socket. Every program on this machine may connect; only its owner's know the token, and
//! they find a place however many others sit there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Connections at a time, whoever they are from.
pub(super) const PLACES: usize = 256;

/// The places, and which of them are taken by somebody who has not shown the token.
pub(super) struct Door {
    places: Arc<Semaphore>,
    strangers: Mutex<Strangers>,
}

#[derive(Default)]
struct Strangers {
    next: u64,
    /// By the order they came in. A sender that is dropped asks that connection to leave, one that is used lets it stay.
    here: BTreeMap<u64, oneshot::Sender<()>>,
}

/// One connection's place, given back when dropped.
pub(super) struct Place {
    caller: Arc<Caller>,
    leave: oneshot::Receiver<()>,
    _permit: OwnedSemaphorePermit,
}

/// Whom a request comes from, put into it as an extension.
pub(super) struct Caller {
    door: Arc<Door>,
    number: u64,
    known: AtomicBool,
}

impl Door {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            places: Arc::new(Semaphore::new(PLACES)),
            strangers: Mutex::default(),
        })
    }

    /// A place for one who has just connected. When all are taken, whoever has sat there longest without showing the
    /// token makes room; only where all have shown it is waited for. None when there will never be one.
    pub(super) async fn enter(self: &Arc<Self>) -> Option<Place> {
        let permit = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                self.strangers().here.pop_first();
                Arc::clone(&self.places).acquire_owned().await.ok()?
            }
        };
        let (stay, leave) = oneshot::channel();
        let mut strangers = self.strangers();
        let number = strangers.next;
        strangers.next = number.wrapping_add(1);
        strangers.here.insert(number, stay);
        drop(strangers);
        Some(Place {
            caller: Arc::new(Caller {
                door: Arc::clone(self),
                number,
                known: AtomicBool::new(false),
            }),
            leave,
            _permit: permit,
        })
    }

    fn strangers(&self) -> MutexGuard<'_, Strangers> {
        self.strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(super) const fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// Resolves when the place is needed for somebody else; never once its caller is known.
    pub(super) async fn needed(&mut self) {
        if (&mut self.leave).await.is_ok() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.caller
            .door
            .strangers()
            .here
            .remove(&self.caller.number);
    }
}

impl Caller {
    /// It has shown the token. Whether it still has its place: one that was asked to leave does not get it back.
    pub(super) fn knows_the_token(&self) -> bool {
        if let Some(stay) = self.door.strangers().here.remove(&self.number) {
            self.known.store(true, Ordering::Release);
            let _ = stay.send(());
        }
        self.known.load(Ordering::Acquire)
    }
}
