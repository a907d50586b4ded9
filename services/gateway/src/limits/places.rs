//! How much an address has open at the same time: connections, live streams.

use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard},
};

/// Places of each address. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    max: u32,
    taken: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

/// A place of an address, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    address: IpAddr,
    taken: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

impl Places {
    pub(crate) fn new(max: NonZeroU32) -> Self {
        Self { max: max.get(), taken: Arc::default() }
    }

    /// Takes a place. `None` if the address has taken all of its places.
    pub(crate) fn take(&self, address: IpAddr) -> Option<Place> {
        let mut taken = lock(&self.taken);
        let count = taken.entry(address).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(Place { address, taken: self.taken.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

fn lock(taken: &Mutex<HashMap<IpAddr, u32>>) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
    taken.lock().expect("no holder panics")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_places_and_gets_them_back() {
        let places = Places::new(NonZeroU32::new(2).unwrap());
        let (here, there) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let first = places.take(here).unwrap();
        let second = places.take(here).unwrap();
        assert!(places.take(here).is_none());
        let other = places.take(there).unwrap();
        drop(first);
        let again = places.take(here).unwrap();
        assert!(places.take(here).is_none());
        drop((second, other, again));
        assert!(lock(&places.taken).is_empty());
    }
}
