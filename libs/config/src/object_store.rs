//! Settings of the storage for uploaded files.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::Args;
use url::Url;

use crate::Dump;

/// Storage for uploaded files.
#[derive(Debug, Clone, Args)]
pub struct ObjectStoreArgs {
    /// Storage for uploaded files: file:///folder, or s3://bucket/prefix with credentials, region
    /// and endpoint in the usual AWS_* variables [default: the data folder]
    #[arg(long, env = "ONETHREAD_OBJECT_STORE_URL")]
    pub object_store_url: Option<ObjectStoreUrl>,
}

impl Dump for ObjectStoreArgs {
    fn lines(&self, _: &Path) -> Vec<(&'static str, String)> {
        let url = self.object_store_url.as_ref();
        vec![("OBJECT_STORE_URL", url.map_or_else(String::new, ToString::to_string))]
    }
}

/// URL of an object store. It contains no secret: a URL with a user or a password is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectStoreUrl {
    /// A folder that replicas share.
    Folder(PathBuf),
    /// A bucket of a server with the S3 protocol.
    S3 {
        /// Name of the bucket.
        bucket: String,
        /// Prefix of all object names, without a slash at its ends; may be empty.
        prefix: String,
    },
}

impl FromStr for ObjectStoreUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "a file:///folder or s3://bucket/prefix URL is expected";
        let url: Url = text.parse().map_err(|_| expected)?;
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.port().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        match (url.scheme(), url.host_str()) {
            ("file", None) if plain => url.to_file_path().map(Self::Folder).map_err(|()| expected),
            ("s3", Some(bucket)) if plain && !bucket.is_empty() => Ok(Self::S3 {
                bucket: bucket.to_owned(),
                prefix: url.path().trim_matches('/').to_owned(),
            }),
            _ => Err(expected),
        }
    }
}

impl fmt::Display for ObjectStoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "file://{}", path.display()),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_buckets_are_parsed() {
        let folder = ObjectStoreUrl::Folder("/srv/up loads".into());
        assert_eq!("file:///srv/up%20loads".parse(), Ok(folder));
        let s3 = |bucket: &str, prefix: &str| {
            Ok(ObjectStoreUrl::S3 { bucket: bucket.into(), prefix: prefix.into() })
        };
        assert_eq!("s3://files".parse(), s3("files", ""));
        assert_eq!("s3://files/one/two/".parse(), s3("files", "one/two"));
    }

    #[test]
    fn errors_do_not_repeat_the_value() {
        for text in [
            "",
            "/srv/files",
            "files",
            "file://host/folder",
            "s3://",
            "s3:///prefix",
            "s3://key:canary@files/x",
            "s3://files?secret=canary",
            "gs://files",
            "https://files.example.com",
        ] {
            let error = text.parse::<ObjectStoreUrl>().unwrap_err();
            assert!(!error.contains("canary"), "{text}");
        }
    }
}
