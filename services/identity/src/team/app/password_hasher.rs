//! Hashes of passwords: argon2id, which is slow on purpose, so the number of hashes at once is
//! bounded.

use std::{sync::Arc, time::Duration};

use argon2::{
    Argon2, PasswordHasher as _, PasswordVerifier as _, password_hash::phc::PasswordHash,
};
use onethread_core::Entropy;
use onethread_errors::{Error, Result};
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

/// Hashes computed at once.
const MAX_CONCURRENT_HASHES: usize = 2;
/// Hashes that wait, at most: about as many as begin before their timeout.
const QUEUE_CAPACITY: usize = 64;
/// How long a hash waits until it begins.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

/// Computes and verifies password hashes.
#[derive(Clone)]
pub(crate) struct PasswordHasher {
    running: Arc<Semaphore>,
    /// Hashes that wait or run.
    queued: Arc<Semaphore>,
    entropy: Arc<dyn Entropy>,
}

impl PasswordHasher {
    pub(crate) fn new(entropy: Arc<dyn Entropy>) -> Self {
        let queued = Arc::new(Semaphore::new(MAX_CONCURRENT_HASHES + QUEUE_CAPACITY));
        Self { running: Arc::new(Semaphore::new(MAX_CONCURRENT_HASHES)), queued, entropy }
    }

    /// A hash to store, with its salt and parameters in it.
    ///
    /// # Errors
    ///
    /// `Unavailable` when too many hashes wait already.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String> {
        let entropy = self.entropy.clone();
        self.queue(move || hash(&password, &*entropy)).await?
    }

    /// Compares a password with a stored hash. Without a stored hash it computes one and returns
    /// false, so that the time doesn't reveal who is an agent.
    ///
    /// # Errors
    ///
    /// `Unavailable` when too many hashes wait already.
    pub(crate) async fn verify(
        &self,
        password: SecretString,
        stored: Option<String>,
    ) -> Result<bool> {
        let Some(stored) = stored else {
            self.hash(password).await?;
            return Ok(false);
        };
        self.queue(move || {
            let Ok(parsed) = PasswordHash::new(&stored) else { return false };
            let secret = password.expose_secret().as_bytes();
            Argon2::default().verify_password(secret, &parsed).is_ok()
        })
        .await
    }

    async fn queue<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let full = |_| Error::unavailable("the queue of password hashes is full");
        let queued = self.queued.clone().try_acquire_owned().map_err(full)?;
        let running = timeout(QUEUE_TIMEOUT, self.running.clone().acquire_owned()).await;
        let running = running.map_err(|_| Error::unavailable("a password hash waited too long"))?;
        let running = running.map_err(Error::internal)?;
        spawn_blocking(move || {
            let done = work();
            drop((running, queued));
            done
        })
        .await
        .map_err(Error::internal)
    }
}

fn hash(password: &SecretString, entropy: &dyn Entropy) -> Result<String> {
    let mut salt = [0; 16];
    entropy.fill(&mut salt);
    Argon2::default()
        .hash_password_with_salt(password.expose_secret().as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| Error::internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use onethread_core::SeededEntropy;

    use super::*;

    #[tokio::test]
    async fn a_password_verifies_only_against_its_own_hash() {
        let passwords = PasswordHasher::new(Arc::new(SeededEntropy::new(1)));
        let hash = passwords.hash("right".into()).await.unwrap();
        assert!(passwords.verify("right".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("wrong".into(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("right".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_full_queue_rejects_at_once() {
        let passwords = PasswordHasher::new(Arc::new(SeededEntropy::new(1)));
        let (go, gate) = std::sync::mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let work = || {
            let (passwords, gate) = (passwords.clone(), gate.clone());
            tokio::spawn(async move {
                passwords.queue(move || gate.lock().unwrap().recv().unwrap()).await
            })
        };
        let all: Vec<_> = (0..MAX_CONCURRENT_HASHES + QUEUE_CAPACITY).map(|_| work()).collect();
        while passwords.queued.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let rejected = passwords.hash("one too many".into()).await.unwrap_err();
        assert_eq!(rejected.reason, onethread_errors::Reason::Unavailable);
        all.iter().for_each(|_| go.send(()).unwrap());
        for one in all {
            one.await.unwrap().unwrap();
        }
        passwords.hash("the queue is empty again".into()).await.unwrap();
    }
}
