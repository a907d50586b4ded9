//! A bucket for a test, on a server with the S3 protocol.

use std::process::Stdio;

use reqwest::{Client, Method};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::{LONG_TIMEOUT, Options};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/s3");
const NAME: &str = "uploads";

/// A bucket. It is removed with its server when this is dropped.
#[derive(Debug)]
pub struct Bucket {
    url: String,
    client: Client,
    _server: Child,
}

impl Bucket {
    /// Starts a server and creates a bucket on it.
    ///
    /// # Panics
    ///
    /// When the server doesn't start.
    pub async fn new() -> Self {
        let mut command = Command::new(SCRIPT);
        command.arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut server = command.spawn().expect("tests/s3 starts");
        let stdout = server.stdout.take().expect("its output is piped");
        let line = timeout(LONG_TIMEOUT, BufReader::new(stdout).lines().next_line()).await;
        let url = line.expect("it starts in time").expect("its output can be read");
        let url = url.expect("it prints its URL");
        let client = Client::new();
        let created = client.put(format!("{url}/{NAME}")).send().await.expect("it responds");
        assert!(created.status().is_success(), "{created:?}");
        Self { url, client, _server: server }
    }

    /// Adds the environment variables for this bucket, with a prefix for object names.
    pub fn configure(&self, options: Options, prefix: &str) -> Options {
        options
            .env("ONETHREAD_OBJECT_STORE_URL", format!("s3://{NAME}/{prefix}"))
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "a-key-of-tests")
            .env("AWS_SECRET_ACCESS_KEY", "canary-of-the-object-store")
    }

    /// Returns names and sizes of the objects.
    pub async fn objects(&self) -> Vec<(String, usize)> {
        let list = self.text("?list-type=2").await;
        let objects = list.split("<Contents>").skip(1);
        let object = |one: &str| (part(one, "Key"), part(one, "Size").parse().expect("a number"));
        objects.map(object).collect()
    }

    /// Returns the names of objects with an unfinished upload.
    pub async fn unfinished_uploads(&self) -> Vec<String> {
        let list = self.text("?uploads").await;
        list.split("<Upload>").skip(1).map(|one| part(one, "Key")).collect()
    }

    async fn text(&self, query: &str) -> String {
        let request = self.client.request(Method::GET, format!("{}/{NAME}{query}", self.url));
        let response = request.send().await.expect("it responds");
        response.text().await.expect("the response is complete")
    }
}

/// Returns the content of an element.
fn part(xml: &str, name: &str) -> String {
    let inside = xml.split_once(&format!("<{name}>")).map_or("", |(_, rest)| rest);
    inside.split_once('<').map_or("", |(text, _)| text).to_owned()
}
