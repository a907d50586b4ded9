//! A NATS server of a test's own.

use std::{
    fs,
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long it may take to serve.
const START: Duration = Duration::from_secs(20);

/// A NATS server on a free port, gone with this value.
#[derive(Debug)]
pub struct NatsServer {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl NatsServer {
    /// Starts one and waits until it serves.
    ///
    /// # Panics
    ///
    /// When there is no such program: a test that can't run is a failure, not a skip.
    pub fn start() -> Self {
        let folder = TempDir::with_prefix("onethread-nats-").expect("a temporary folder is made");
        let mut it = Self { folder, port: 0, child: None };
        it.launch("-1");
        let pid = it.child.as_ref().map(Child::id).unwrap_or_default();
        let file = it.folder.path().join(format!("nats-server_{pid}.ports"));
        it.port = it.wait("its port", || {
            let text = fs::read_to_string(&file).ok()?;
            let (_, rest) = text.split_once("nats://127.0.0.1:")?;
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        });
        it
    }

    /// Ends it as a power cut would.
    ///
    /// # Panics
    ///
    /// When it doesn't run.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().and_then(|()| child.wait()).expect("a child can be killed");
    }

    /// Starts it again on its port and waits until it serves.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "it runs");
        self.launch(&self.port.to_string());
        let address = ([127, 0, 0, 1], self.port).into();
        self.wait("its port again", || {
            TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok().map(drop)
        });
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    fn launch(&mut self, port: &str) {
        let installed = ["/usr/sbin/nats-server", "/usr/bin/nats-server"];
        let program = installed.into_iter().find(|path| Path::new(path).is_file());
        let mut command = Command::new(program.unwrap_or("nats-server"));
        command.args(["-a", "127.0.0.1", "-p", port, "--ports_file_dir"]).arg(self.folder.path());
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("nats-server ({error}): `apt-get install nats-server` brings it")
        });
        self.child = Some(child);
    }

    fn wait<T>(&self, what: &str, ask: impl Fn() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            assert!(begun.elapsed() < START, "nats-server did not tell {what}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // One that has ended by itself is as good.
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}
