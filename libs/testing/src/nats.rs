//! A NATS server for a test.

use std::{
    fs,
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long the server may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A NATS server on a free port. It is killed when this is dropped.
#[derive(Debug)]
pub struct NatsServer {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl NatsServer {
    /// Starts a server and waits until it accepts connections.
    ///
    /// # Panics
    ///
    /// When nats-server isn't installed: a test that can't run is a failure, not a skip.
    pub fn start() -> Self {
        let folder = TempDir::with_prefix("onethread-nats-").expect("a temporary folder");
        let mut server = Self { folder, port: 0, child: None };
        server.launch("-1");
        let pid = server.child.as_ref().map(Child::id).unwrap_or_default();
        let file = server.folder.path().join(format!("nats-server_{pid}.ports"));
        server.port = server.wait_for("its port", || {
            let text = fs::read_to_string(&file).ok()?;
            let (_, rest) = text.split_once("nats://127.0.0.1:")?;
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        });
        server
    }

    /// Kills the server.
    ///
    /// # Panics
    ///
    /// When it isn't running.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("the server is running");
        child.kill().and_then(|()| child.wait()).expect("a child can be killed");
    }

    /// Starts the server again on the same port, and waits until it accepts connections.
    ///
    /// # Panics
    ///
    /// When it is running.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "the server is running");
        self.launch(&self.port.to_string());
        let address = ([127, 0, 0, 1], self.port).into();
        self.wait_for("a connection", || {
            TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok().map(drop)
        });
    }

    /// Returns the server's URL.
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
            panic!("can't start nats-server ({error}): run `apt-get install nats-server`")
        });
        self.child = Some(child);
    }

    fn wait_for<T>(&self, what: &str, check: impl Fn() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(value) = check() {
                return value;
            }
            assert!(started.elapsed() < START_TIMEOUT, "nats-server: no {what} in time");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It fails when the server has already ended, which is fine.
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}
