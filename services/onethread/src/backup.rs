//! `onethread backup`: databases, keys and uploads in one file, while the server serves. It takes
//! no lock of the folder and writes nothing into it.

use std::{
    fs::{self, File, Permissions},
    io::{self, BufWriter, ErrorKind},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use onethread_config::Settings;
use onethread_core::{Clock, SystemClock, Timestamp};
use onethread_db::{FileCopy, copy_consistently};
use onethread_errors::Error;
use onethread_lifecycle::Lifecycle;
use onethread_process::StartError;
use uuid::Uuid;

use crate::{
    archive::{BOOTSTRAP, FORMAT, KEYS, Manifest, UPLOADS, Watched, Writer},
    databases, restore,
};

/// Writes the backup to `file`, which must not be there yet.
pub(crate) async fn backup(
    settings: &Settings,
    file: &Path,
    life: &Lifecycle,
) -> Result<(), StartError> {
    if settings.database.database_url.is_some() {
        let line = "backup is for the SQLite files of a data folder: back PostgreSQL up with \
            pg_dump, and copy the server keys file";
        return Err(StartError::Configuration(line.to_owned()));
    }
    life.stop_on_signals().map_err(Error::internal)?;
    let data_dir = settings.process.data_dir.clone();
    let keys = settings.identity.keys_file(&data_dir);
    let work = Work { data_dir, keys, file: file.to_owned(), now: SystemClock.now() };
    let life = life.clone();
    let done = tokio::task::spawn_blocking(move || work.run(&|| !life.is_stopping()));
    done.await.map_err(Error::internal)??;
    println!("{} is the backup of {}.", file.display(), settings.process.data_dir.display());
    Ok(())
}

struct Work {
    data_dir: PathBuf,
    keys: PathBuf,
    file: PathBuf,
    now: Timestamp,
}

impl Work {
    fn run(&self, go_on: &dyn Fn() -> bool) -> Result<(), StartError> {
        self.check()?;
        let refused = |error| StartError::Configuration(self.line(error));
        let folder = match self.file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        // Both go away by themselves when this fails.
        let mut builder = tempfile::Builder::new();
        builder.prefix(".onethread-backup-");
        let draft = builder.tempfile_in(folder).map_err(refused)?;
        let copies = builder.permissions(Permissions::from_mode(0o700)).tempdir_in(folder);
        let copies = copies.map_err(refused)?;

        let out = self.write(draft.as_file(), copies.path(), go_on).map_err(Error::internal)?;
        out.sync_all().map_err(Error::internal)?;
        match draft.persist_noclobber(&self.file) {
            Ok(_) => {}
            Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => {
                return Err(refused(failed.error));
            }
            Err(failed) => return Err(Error::internal(failed.error).into()),
        }
        Ok(File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::internal)?)
    }

    /// Refuses what can be told beforehand.
    fn check(&self) -> Result<(), StartError> {
        restore::refuse_unfinished(&self.data_dir)?;
        let databases = databases::files().map(|name| self.data_dir.join(name));
        if let Some(missing) = databases.iter().chain([&self.keys]).find(|file| !file.is_file()) {
            let (folder, missing) = (self.data_dir.display(), missing.display());
            let line = format!("data folder {folder}: nothing to back up, {missing} is missing");
            return Err(StartError::Configuration(line));
        }
        if self.file.symlink_metadata().is_ok() {
            return Err(StartError::Configuration(self.line(ErrorKind::AlreadyExists.into())));
        }
        Ok(())
    }

    fn line(&self, error: io::Error) -> String {
        let file = self.file.display();
        if error.kind() == ErrorKind::AlreadyExists {
            format!("backup file {file}: it exists, and is not overwritten")
        } else {
            format!("backup file {file}: {error}")
        }
    }

    /// The databases are copied first. What a row of theirs needs was on disk before the row and
    /// outlives it, so it is found in the folder afterwards: the upload of an import that has not
    /// ended, the key that made a token or a claim. What came later than the copies is of no harm:
    /// an upload without a row is cleared away, a further key verifies nothing.
    fn write<'a>(
        &self,
        draft: &'a File,
        folder: &Path,
        go_on: &dyn Fn() -> bool,
    ) -> io::Result<&'a File> {
        let copies = databases::files()
            .map(|name| FileCopy { from: self.data_dir.join(&name), to: folder.join(&name) });
        for copy in &copies {
            File::options().create_new(true).write(true).mode(0o600).open(&copy.to)?;
        }
        copy_consistently(&copies, go_on).map_err(io::Error::other)?;

        let manifest = Manifest {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            taken_at: self.now.to_string(),
        };
        let seconds = u64::try_from(self.now.seconds()).unwrap_or(0);
        let mut out = Writer::new(BufWriter::new(draft), &manifest, seconds)?;
        let mut add = |name: &str, file: File| {
            let size = file.metadata()?.len();
            out.add(name, size, Watched { inner: file, go_on })
        };
        for (name, copy) in databases::files().iter().zip(&copies) {
            add(name, File::open(&copy.to)?)?;
            // Room for the next one.
            fs::remove_file(&copy.to)?;
        }
        add(KEYS, File::open(&self.keys)?)?;
        if let Some(file) = there(File::open(self.data_dir.join(BOOTSTRAP)))? {
            add(BOOTSTRAP, file)?;
        }
        for (name, path) in uploads(&self.data_dir)? {
            // The file of an import that ended long ago may go at any time.
            if let Some(file) = there(File::open(path))? {
                add(&name, file)?;
            }
        }
        out.finish()?.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

/// The uploaded files, by their names in the archive.
fn uploads(data_dir: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    let root = data_dir.join(UPLOADS);
    for organization in there(fs::read_dir(&root))?.into_iter().flatten() {
        let organization = organization?;
        let Some(of) = id(&organization) else { continue };
        for import in there(fs::read_dir(organization.path()))?.into_iter().flatten() {
            let import = import?;
            if let Some(id) = id(&import) {
                found.push((format!("{UPLOADS}/{of}/{id}"), import.path()));
            }
        }
    }
    Ok(found)
}

fn id(entry: &fs::DirEntry) -> Option<Uuid> {
    entry.file_name().to_str()?.parse().ok()
}

fn there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}
