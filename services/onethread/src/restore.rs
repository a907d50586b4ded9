//! `onethread restore`: makes a data folder from a backup. Everything is checked before the
//! folder is touched, and a folder is either restored wholly or says that it isn't.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, BufReader, ErrorKind, Read, Seek},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use onethread_config::Settings;
use onethread_errors::Error;
use onethread_lifecycle::Lifecycle;
use onethread_process::{DataFolder, StartError, write_private};

use crate::archive::{KEYS, Manifest, Refused, Watched, read};

/// Stands in the data folder for as long as the rest of it can't be relied on.
const DRAFT: &str = "restore.draft";
/// Bytes of a keys file at most.
const KEYS_BYTES: u64 = 1024 * 1024;

/// Makes the data folder, which must be empty, from the backup.
pub(crate) async fn restore(
    settings: &Settings,
    file: &Path,
    life: &Lifecycle,
) -> Result<(), StartError> {
    if settings.database.database_url.is_some() {
        let line = "restore is for the SQLite files of a data folder: restore PostgreSQL with \
            pg_restore, and put the server keys file in its place";
        return Err(StartError::Configuration(line.to_owned()));
    }
    life.stop_on_signals().map_err(Error::internal)?;
    let data_dir = settings.process.data_dir.clone();
    let keys = settings.identity.keys_file(&data_dir);
    let work = Work { data_dir, keys, file: file.to_owned() };
    let life = life.clone();
    let done = tokio::task::spawn_blocking(move || work.run(&|| !life.is_stopping()));
    let Manifest { version, taken_at, .. } = done.await.map_err(Error::internal)??;
    let folder = settings.process.data_dir.display();
    println!("{folder} is as it was at {taken_at}, under version {version}.");
    Ok(())
}

/// Refuses a folder that a restore was cut off in: it may hold some of the databases only.
pub(crate) fn refuse_unfinished(data_dir: &Path) -> Result<(), StartError> {
    if !data_dir.join(DRAFT).exists() {
        return Ok(());
    }
    Err(StartError::Configuration(format!(
        "data folder {}: a restore was cut off in it; empty it and restore again",
        data_dir.display()
    )))
}

struct Work {
    data_dir: PathBuf,
    keys: PathBuf,
    file: PathBuf,
}

impl Work {
    fn run(&self, go_on: &dyn Fn() -> bool) -> Result<Manifest, StartError> {
        let unreadable = |error| StartError::Configuration(self.line(error));
        let mut file = File::open(&self.file).map_err(unreadable)?;
        self.check()?;
        let manifest = self.read(&file, go_on, |_| Ok(None))?;
        file.rewind().map_err(unreadable)?;

        let _folder = DataFolder::open(&self.data_dir).map_err(StartError::Configuration)?;
        self.check()?;
        let draft = self.data_dir.join(DRAFT);
        DirBuilder::new().mode(0o700).create(&draft).map_err(Error::internal)?;
        let unpacked = self
            .read(&file, go_on, |name| make(&draft.join(name)).map(Some))
            .and_then(|_| self.place_keys(&draft.join(KEYS)));
        if let Err(error) = unpacked {
            fs::remove_dir_all(&draft).map_err(Error::internal)?;
            return Err(error);
        }
        // From here on a failure leaves the draft behind, and with it the word that the folder
        // can't be relied on.
        place(&draft, &self.data_dir).map_err(Error::internal)?;
        Ok(manifest)
    }

    /// Refuses a folder in which there is anything but a lock.
    fn check(&self) -> Result<(), StartError> {
        refuse_unfinished(&self.data_dir)?;
        let line = |why: String| {
            StartError::Configuration(format!("data folder {}: {why}", self.data_dir.display()))
        };
        let entries = match fs::read_dir(&self.data_dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(line(error.to_string())),
        };
        for entry in entries {
            if entry.map_err(|error| line(error.to_string()))?.file_name() != "lock" {
                return Err(line("it is not empty, and nothing in it is overwritten".to_owned()));
            }
        }
        Ok(())
    }

    fn read(
        &self,
        file: &File,
        go_on: &dyn Fn() -> bool,
        place: impl FnMut(&str) -> io::Result<Option<File>>,
    ) -> Result<Manifest, StartError> {
        let input = Watched { inner: BufReader::with_capacity(64 * 1024, file), go_on };
        match read(input, place) {
            Ok(manifest) => Ok(manifest),
            Err(_) if !go_on() => Err(Error::internal("stopped").into()),
            Err(Refused::Content(why)) => {
                let file = self.file.display();
                Err(StartError::Configuration(format!("backup file {file} {why}")))
            }
            Err(Refused::Writing(error)) => Err(Error::internal(error).into()),
        }
    }

    fn line(&self, error: io::Error) -> String {
        format!("backup file {}: {error}", self.file.display())
    }

    /// The keys go where the settings say. Others that are there already stay, since databases
    /// may belong to them.
    fn place_keys(&self, restored: &Path) -> Result<(), StartError> {
        let content = |file: &Path| {
            let mut content = Vec::new();
            File::open(file)?.take(KEYS_BYTES).read_to_end(&mut content)?;
            Ok::<_, io::Error>(content)
        };
        let line = |why: &dyn std::fmt::Display| {
            let file = self.keys.display();
            StartError::Configuration(format!("server keys file {file}: {why}"))
        };
        let restored = content(restored).map_err(Error::internal)?;
        match content(&self.keys) {
            Ok(there) if there == restored => Ok(()),
            Ok(_) => Err(line(&"other keys are there, and are not overwritten")),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                write_private(&self.keys, &restored).map_err(|error| line(&error))
            }
            Err(error) => Err(line(&error)),
        }
    }
}

fn make(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    File::options().create_new(true).write(true).mode(0o600).open(path)
}

/// Gives everything but the keys its name. The draft goes last.
fn place(draft: &Path, data_dir: &Path) -> io::Result<()> {
    fs::remove_file(draft.join(KEYS))?;
    sync_folders(draft)?;
    for entry in fs::read_dir(draft)? {
        let entry = entry?;
        fs::rename(entry.path(), data_dir.join(entry.file_name()))?;
    }
    let folder = File::open(data_dir)?;
    folder.sync_all()?;
    fs::remove_dir(draft)?;
    folder.sync_all()
}

/// Brings the names in a folder and those below it to disk; the files themselves are there.
fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    File::open(folder)?.sync_all()
}
