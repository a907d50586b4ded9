//! Passwords: argon2id, slow on purpose, so never more of them at once than the machine bears.

use std::{sync::Arc, time::Duration};

use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use onethread_core::Entropy;
use onethread_errors::{Error, Result};
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

/// Hashes under way at once.
const AT_ONCE: usize = 2;
/// Those who wait for their turn, at most: about as many as get it before they lose patience.
const WAITING: usize = 64;
/// How long a login waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes and checks password hashes.
#[derive(Clone)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    /// Places of those who wait or have their turn.
    places: Arc<Semaphore>,
    entropy: Arc<dyn Entropy>,
}

impl Passwords {
    pub(crate) fn new(entropy: Arc<dyn Entropy>) -> Self {
        let places = Arc::new(Semaphore::new(AT_ONCE + WAITING));
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), places, entropy }
    }

    /// A hash to store, with its own salt and parameters in it.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String> {
        let entropy = self.entropy.clone();
        self.in_turn(move || hash(&password, &*entropy)).await?
    }

    /// Compares a password with a stored hash. Where there is none it makes one, which takes as
    /// long, and says no: a stopwatch does not tell who is an agent.
    pub(crate) async fn verify(
        &self,
        password: SecretString,
        stored: Option<String>,
    ) -> Result<bool> {
        let Some(stored) = stored else {
            self.hash(password).await?;
            return Ok(false);
        };
        self.in_turn(move || {
            let Ok(parsed) = PasswordHash::new(&stored) else { return false };
            let secret = password.expose_secret().as_bytes();
            Argon2::default().verify_password(secret, &parsed).is_ok()
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let full = |_| Error::unavailable("too many wait for a password turn");
        let place = self.places.clone().try_acquire_owned().map_err(full)?;
        let turn = timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| Error::unavailable("every password turn is taken"))?;
        let turn = turn.map_err(Error::internal)?;
        spawn_blocking(move || {
            let done = work();
            drop((turn, place));
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
    async fn a_password_verifies_against_its_own_hash_alone() {
        let passwords = Passwords::new(Arc::new(SeededEntropy::new(1)));
        let hash = passwords.hash("right".into()).await.unwrap();
        assert!(passwords.verify("right".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("wrong".into(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("right".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn who_comes_when_the_queue_is_full_is_sent_away_at_once() {
        let passwords = Passwords::new(Arc::new(SeededEntropy::new(1)));
        let (go, gate) = std::sync::mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let work = || {
            let (passwords, gate) = (passwords.clone(), gate.clone());
            tokio::spawn(async move {
                passwords.in_turn(move || gate.lock().unwrap().recv().unwrap()).await
            })
        };
        let all: Vec<_> = (0..AT_ONCE + WAITING).map(|_| work()).collect();
        while passwords.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = passwords.hash("one too many".into()).await.unwrap_err();
        assert_eq!(refused.reason, onethread_errors::Reason::Unavailable);
        all.iter().for_each(|_| go.send(()).unwrap());
        for one in all {
            one.await.unwrap().unwrap();
        }
        passwords.hash("there is room again".into()).await.unwrap();
    }
}
