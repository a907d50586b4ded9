//! The file with the server's keys: JSON, mode 0600, created when it is missing. The last key signs
//! and encrypts; the keys before it still verify and decrypt.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use onethread_core::Entropy;
use serde::{Deserialize, Serialize};

use crate::domain::keys::{ServerKey, ServerKeys};

/// The shortest secret, in bytes.
const MIN_SECRET_BYTES: usize = 32;

#[derive(Serialize, Deserialize)]
struct File {
    keys: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    id: String,
    /// At least 32 random bytes in base64.
    secret: String,
}

/// The keys could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file could not be read or created.
    #[error("server keys file {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not valid.
    #[error("server keys file {path}: {reason}")]
    Content {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// The server's keys. They are never shown.
#[derive(Debug)]
pub struct Keys(pub(crate) ServerKeys);

impl Keys {
    /// Reads the file. Creates it with one new key when it is missing.
    ///
    /// # Errors
    ///
    /// When the file could not be read or created, or is not valid.
    pub fn load(file: &Path, entropy: &dyn Entropy) -> Result<Self, KeysError> {
        let path = || file.display().to_string();
        let io = |source| KeysError::Io { path: path(), source };
        let content = |reason| KeysError::Content { path: path(), reason };
        if !file.exists() {
            create(file, entropy).map_err(io)?;
        }
        let text = fs::read_to_string(file).map_err(io)?;
        let parsed: File =
            serde_json::from_str(&text).map_err(|_| content("is not JSON of the right form"))?;
        let mut keys = Vec::with_capacity(parsed.keys.len());
        for entry in parsed.keys {
            let secret = STANDARD.decode(entry.secret).map_err(|_| content("holds no base64"))?;
            if secret.len() < MIN_SECRET_BYTES {
                return Err(content("has a secret of less than 32 bytes"));
            }
            keys.push(ServerKey::new(entry.id, &secret));
        }
        ServerKeys::new(keys).map(Self).ok_or_else(|| content("has no key"))
    }
}

/// Writes the whole file before it gets its name, so that no reader finds a half of it. When two
/// processes create it at once, the first one's stays.
fn create(file: &Path, entropy: &dyn Entropy) -> std::io::Result<()> {
    let mut random = [0; 36];
    entropy.fill(&mut random);
    let (id, secret) = random.split_at(4);
    let id = format!("k{}", id.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let entry = Entry { id: id.clone(), secret: STANDARD.encode(secret) };
    let text = serde_json::to_string_pretty(&File { keys: vec![entry] })?;
    let draft = file.with_extension(id);
    let mut open = fs::OpenOptions::new();
    let mut written = open.write(true).create_new(true).mode(0o600).open(&draft)?;
    written.write_all(text.as_bytes())?;
    written.sync_all()?;
    let linked = fs::hard_link(&draft, file);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use onethread_core::SeededEntropy;

    use super::*;

    #[test]
    fn the_file_is_created_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.json");
        let first = Keys::load(&file, &SeededEntropy::new(1)).unwrap();
        let second = Keys::load(&file, &SeededEntropy::new(2)).unwrap();
        assert_eq!(first.0.newest().id(), second.0.newest().id());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_without_a_valid_key_is_rejected() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.json");
        for invalid in ["", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"id":"a","secret":"c2hvcnQ="}]}"#]
        {
            fs::write(&file, invalid).unwrap();
            assert!(Keys::load(&file, &SeededEntropy::new(1)).is_err(), "{invalid}");
        }
    }
}
