//! The binary under test as a process: start, kill, terminate, and restart on the same folder.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{LONG_TIMEOUT, wait_until};

/// Options of a process.
#[derive(Debug, Clone, Default)]
pub struct Options {
    env: Vec<(String, String)>,
    disk_mib: Option<u32>,
    ulimit: Option<String>,
}

impl Options {
    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Puts the data folder on a small disk that exists as long as the process.
    #[must_use]
    pub fn disk(mut self, mib: u32) -> Self {
        self.disk_mib = Some(mib);
        self
    }

    /// Starts the process after the shell's `ulimit` with these arguments.
    #[must_use]
    pub fn ulimit(mut self, arguments: &str) -> Self {
        self.ulimit = Some(arguments.to_owned());
        self
    }
}

/// `onethread` with a temporary data folder, which is removed when this is dropped.
#[derive(Debug)]
pub struct Onethread {
    folder: TempDir,
    options: Options,
    child: Option<Child>,
    run: Value,
    startup_time: Duration,
}

impl Onethread {
    /// Starts the process on free ports and waits until it is ready.
    pub async fn start(options: Options) -> Self {
        let folder = TempDir::with_prefix("onethread-test-").expect("a temporary folder");
        let mut process =
            Self { folder, options, child: None, run: Value::Null, startup_time: Duration::ZERO };
        process.launch().await;
        process
    }

    /// Starts the process again after its end, on the same folder and the same ports.
    pub async fn restart(&mut self) {
        assert!(self.child.is_none(), "it is still running");
        self.launch().await;
    }

    async fn launch(&mut self) {
        let folder = self.folder.path().join("data");
        let mut command = match (self.options.disk_mib, &self.options.ulimit) {
            (Some(mib), _) => command_with_disk(&folder, mib, &self.options),
            (None, Some(ulimit)) => command_with_ulimit(ulimit, &self.options),
            (None, None) => command(&self.options),
        };
        command.arg("--data-dir").arg(folder).stdin(Stdio::null());
        for (service, flag) in ADDRESS_FLAGS {
            command.args([flag, self.run[service].as_str().unwrap_or("127.0.0.1:0")]);
        }
        command.stdout(append(&self.stdout_file())).stderr(append(&self.log_file()));
        let start = Instant::now();
        let mut child = command.kill_on_drop(true).spawn().expect("the binary starts");
        let pid = child.id();
        let file = self.data_dir_of(pid).join("run.json");
        // A killed process doesn't remove its run.json, so its pid has to be compared.
        self.run = wait_until("run.json of a ready process", LONG_TIMEOUT, async || {
            if let Some(status) = child.try_wait().expect("a child has a status") {
                panic!("onethread ended with {status}:\n{}", self.log_tail());
            }
            let run: Value = serde_json::from_slice(&fs::read(&file).ok()?).ok()?;
            (run["pid"].as_u64() == pid.map(u64::from)).then_some(run)
        })
        .await;
        self.startup_time = start.elapsed();
        self.child = Some(child);
    }

    /// Returns the time from the start of the process until it was ready.
    pub fn startup_time(&self) -> Duration {
        self.startup_time
    }

    /// Kills the process.
    pub async fn kill(&mut self) {
        let mut child = self.child.take().expect("it is running");
        child.kill().await.expect("a child can be killed");
    }

    /// Sends SIGTERM, as a service manager does, and returns the exit status.
    pub async fn terminate(&mut self, within: Duration) -> ExitStatus {
        self.send_sigterm();
        self.wait_for_exit(within).await
    }

    /// Sends SIGTERM without waiting for the exit.
    pub fn send_sigterm(&self) {
        let pid = self.pid();
        let mut shell = std::process::Command::new("sh");
        let status = shell.arg("-c").arg(format!("kill -TERM {pid}")).status();
        assert!(status.expect("sh starts").success(), "the process receives the signal");
    }

    /// Waits for the exit after SIGTERM.
    pub async fn wait_for_exit(&mut self, within: Duration) -> ExitStatus {
        let mut child = self.child.take().expect("it is running");
        let exit = tokio::time::timeout(within, child.wait()).await;
        let Ok(status) = exit else {
            panic!("still running {within:?} after SIGTERM:\n{}", self.log_tail())
        };
        status.expect("a child can be waited for")
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().and_then(Child::id).expect("it is running")
    }

    /// Returns the database URL in the environment of the process.
    pub fn database_url(&self) -> Option<&str> {
        let variable = self.options.env.iter().find(|(name, _)| name == "ONETHREAD_DATABASE_URL");
        variable.map(|(_, url)| url.as_str())
    }

    /// Returns the path of the data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.data_dir_of(self.child.as_ref().and_then(Child::id))
    }

    fn data_dir_of(&self, pid: Option<u32>) -> PathBuf {
        let folder = self.folder.path().join("data");
        match (self.options.disk_mib, pid) {
            // The disk is mounted for the process only, but visible under its /proc folder.
            (Some(_), Some(pid)) => {
                let inside = folder.strip_prefix("/").expect("a temporary folder has a full path");
                Path::new("/proc").join(pid.to_string()).join("root").join(inside)
            }
            _ => folder,
        }
    }

    /// Returns the `host:port` of `http`, `identity`, `conversation` or `contactImport`.
    pub fn address(&self, service: &str) -> &str {
        self.run[service].as_str().unwrap_or_else(|| panic!("run.json has no address of {service}"))
    }

    /// Returns the content of `bootstrap.json`.
    pub fn bootstrap(&self) -> Value {
        let text = fs::read(self.data_dir().join("bootstrap.json")).expect("bootstrap.json exists");
        serde_json::from_slice(&text).expect("bootstrap.json is JSON")
    }

    /// Returns the output on stderr so far, of all starts.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_file()).unwrap_or_default()).into_owned()
    }

    /// Returns the output on stdout so far, of all starts.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.stdout_file()).unwrap_or_default()).into_owned()
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("stderr")
    }

    fn stdout_file(&self) -> PathBuf {
        self.folder.path().join("stdout")
    }
}

/// Names of the services in `run.json`, with their flags.
const ADDRESS_FLAGS: [(&str, &str); 4] = [
    ("http", "--http-addr"),
    ("identity", "--identity-addr"),
    ("conversation", "--conversation-addr"),
    ("contactImport", "--contact-import-addr"),
];

/// Exit status and output of a process.
#[derive(Debug)]
pub struct ExitOutput {
    /// Exit status.
    pub code: Option<i32>,
    /// Lines on stderr.
    pub stderr: Vec<String>,
    /// All of stdout.
    pub stdout: String,
}

/// Runs the binary with these arguments and waits for its exit. The test fails if it keeps running.
pub async fn run_to_exit(arguments: &[&str], options: &Options) -> ExitOutput {
    let mut command = command(options);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(20), command.output()).await;
    let Output { status, stdout, stderr } = output.expect("it exits").expect("the binary starts");
    ExitOutput {
        code: status.code(),
        stderr: String::from_utf8_lossy(&stderr).lines().map(str::to_owned).collect(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
    }
}

fn command(options: &Options) -> Command {
    with_environment(Command::new(binary()), options)
}

fn command_with_ulimit(arguments: &str, options: &Options) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit {arguments} && exec \"$@\"")).arg("sh").arg(binary());
    with_environment(command, options)
}

/// Returns a command that mounts a disk of this size on the folder, for the process only.
fn command_with_disk(folder: &Path, mib: u32, options: &Options) -> Command {
    const MOUNT: &str = "mount -t tmpfs -o size=\"$0\" tmpfs \"$1\" && shift && exec \"$@\"";
    fs::create_dir_all(folder).expect("a folder to mount on");
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", MOUNT]);
    command.arg(format!("{mib}m")).arg(folder).arg(binary());
    with_environment(command, options)
}

fn with_environment(mut command: Command, options: &Options) -> Command {
    // Variables of the person who runs the tests must not influence them.
    for (name, _) in env::vars() {
        if name.starts_with("ONETHREAD_") || name.starts_with("OTEL_") || name.starts_with("RUST_")
        {
            command.env_remove(name);
        }
    }
    command.env("ONETHREAD_RATE_LIMITS", "off");
    command.envs(options.env.iter().map(|(name, value)| (name, value)));
    command
}

/// Returns the binary under test: `ONETHREAD_BIN`, or the latest one in this target folder.
pub fn binary() -> PathBuf {
    if let Some(path) = env::var_os("ONETHREAD_BIN") {
        let path = PathBuf::from(path);
        assert!(path.is_file(), "ONETHREAD_BIN names no file");
        return path;
    }
    // The test binary is in <target>/<profile>/deps.
    let test = env::current_exe().expect("a process knows its file");
    let target = test.ancestors().nth(3).expect("tests run from a target folder");
    let binaries = ["release", "debug"].map(|profile| target.join(profile).join("onethread"));
    let binaries =
        binaries.iter().filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)));
    let Some((_, path)) = binaries.max() else {
        panic!("onethread isn't built: run `cargo build --workspace` first");
    };
    path.clone()
}

fn append(path: &Path) -> Stdio {
    fs::OpenOptions::new().create(true).append(true).open(path).expect("a log opens").into()
}
