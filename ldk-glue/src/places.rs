//! Places for connections from outside: so many in total, and so many for one home or server.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections from outside at a time.
const INBOUND: usize = 256;
/// From one address: as many as one home or server may have nodes behind it, and no more.
const PER_ADDRESS: usize = 16;

/// All places.
pub(crate) struct Places {
    total: Arc<Semaphore>,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// One of them, given back when dropped.
pub(crate) struct Place {
    places: Arc<Places>,
    home: Option<IpAddr>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            total: Arc::new(Semaphore::new(INBOUND)),
            taken: Mutex::default(),
        })
    }

    /// A place for a connection from this address; none when all are taken, or all that are for one address.
    pub(crate) fn enter(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let permit = Arc::clone(&self.total).try_acquire_owned().ok()?;
        let home = home(from);
        if let Some(home) = home {
            let mut taken = self.taken();
            let count = taken.entry(home).or_default();
            if *count >= PER_ADDRESS {
                return None;
            }
            *count += 1;
        }
        Some(Place {
            places: Arc::clone(self),
            home,
            _permit: permit,
        })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(home) = self.home else {
            return;
        };
        let mut taken = self.places.taken();
        match taken.get_mut(&home) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                taken.remove(&home);
            }
        }
    }
}

/// Whom to count an address for: one home or server. Everybody who comes through a proxy on this machine, such as Tor's,
/// comes from loopback.
fn home(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        ip if ip.is_loopback() => None,
        IpAddr::V4(ip) => Some(IpAddr::V4(ip)),
        IpAddr::V6(ip) => Some(IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn enter(places: &Arc<Places>, from: &str) -> Option<Place> {
        places.enter(from.parse().unwrap())
    }

    #[test]
    fn one_address_does_not_get_all_places() {
        let places = Places::new();
        let mut held: Vec<_> = (0..PER_ADDRESS)
            .map(|_| enter(&places, "203.0.113.7").unwrap())
            .collect();
        assert!(enter(&places, "203.0.113.7").is_none());
        assert!(enter(&places, "::ffff:203.0.113.7").is_none());
        let _other = enter(&places, "203.0.113.8").unwrap();
        held.pop();
        held.push(enter(&places, "203.0.113.7").unwrap());
        drop(held);
        assert_eq!(places.taken().len(), 1, "who has gone is forgotten");
    }

    #[test]
    fn one_homes_many_addresses_count_as_one() {
        let places = Places::new();
        let _held: Vec<_> = (0..PER_ADDRESS)
            .map(|at| enter(&places, &format!("2001:db8::{at:x}")).unwrap())
            .collect();
        assert!(enter(&places, "2001:db8::ffff:1").is_none());
        assert!(enter(&places, "2001:db8:0:1::1").is_some());
    }

    #[test]
    fn there_are_only_so_many_places_whoever_comes() {
        let places = Places::new();
        let mut held: Vec<_> = (0..INBOUND)
            .map(|_| enter(&places, "127.0.0.1").unwrap())
            .collect();
        assert!(enter(&places, "127.0.0.1").is_none());
        assert!(enter(&places, "203.0.113.7").is_none());
        held.pop();
        assert!(enter(&places, "203.0.113.7").is_some());
    }
}
