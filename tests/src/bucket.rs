//! A bucket of a test's own, on a server that speaks the S3 protocol.

use std::process::Stdio;

use reqwest::{Client, Method};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::{LONG, Options};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/s3");
const NAME: &str = "uploads";

/// A bucket, gone with its server when this value goes.
#[derive(Debug)]
pub struct Bucket {
    url: String,
    client: Client,
    _server: Child,
}

impl Bucket {
    /// Starts a server and makes a bucket on it.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn new() -> Self {
        let mut command = Command::new(SCRIPT);
        command.arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut server = command.spawn().expect("tests/s3 starts");
        let said = server.stdout.take().expect("its output is ours");
        let first = timeout(LONG, BufReader::new(said).lines().next_line()).await;
        let url = first.expect("it serves soon").expect("it says something");
        let url = url.expect("it says where it serves");
        let client = Client::new();
        let made = client.put(format!("{url}/{NAME}")).send().await.expect("it answers");
        assert!(made.status().is_success(), "{made:?}");
        Self { url, client, _server: server }
    }

    /// The environment that names it, with this before every object's name.
    pub fn named(&self, options: Options, prefix: &str) -> Options {
        options
            .env("ONETHREAD_OBJECT_STORE_URL", format!("s3://{NAME}/{prefix}"))
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "a-key-of-tests")
            .env("AWS_SECRET_ACCESS_KEY", "canary-of-the-object-store")
    }

    /// Names and sizes of the objects.
    pub async fn objects(&self) -> Vec<(String, usize)> {
        let list = self.text("?list-type=2").await;
        let objects = list.split("<Contents>").skip(1);
        let object = |one: &str| (part(one, "Key"), part(one, "Size").parse().expect("a number"));
        objects.map(object).collect()
    }

    /// Names of the objects whose upload has begun and not ended.
    pub async fn begun(&self) -> Vec<String> {
        let list = self.text("?uploads").await;
        list.split("<Upload>").skip(1).map(|one| part(one, "Key")).collect()
    }

    async fn text(&self, query: &str) -> String {
        let request = self.client.request(Method::GET, format!("{}/{NAME}{query}", self.url));
        let answer = request.send().await.expect("it answers");
        answer.text().await.expect("it answers whole")
    }
}

/// What stands in an element.
fn part(xml: &str, name: &str) -> String {
    let inside = xml.split_once(&format!("<{name}>")).map_or("", |(_, rest)| rest);
    inside.split_once('<').map_or("", |(text, _)| text).to_owned()
}
