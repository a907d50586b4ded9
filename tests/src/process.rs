//! The binary under test as a process: start, kill, ask to end, start again on the same folder.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{LONG, until};

/// How a process is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    env: Vec<(String, String)>,
    disk_mib: Option<u32>,
}

impl Options {
    /// With one more variable in the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// With the data folder on a small disk of its own, which goes with the process.
    #[must_use]
    pub fn disk(mut self, mib: u32) -> Self {
        self.disk_mib = Some(mib);
        self
    }
}

/// `onethread` with a data folder of its own, which goes when this value goes.
#[derive(Debug)]
pub struct Onethread {
    folder: TempDir,
    options: Options,
    child: Option<Child>,
    run: Value,
    served_after: Duration,
}

impl Onethread {
    /// Starts it on free ports and waits until it serves.
    pub async fn start(options: Options) -> Self {
        let folder = TempDir::with_prefix("onethread-test-").expect("a temporary folder is made");
        let mut it =
            Self { folder, options, child: None, run: Value::Null, served_after: Duration::ZERO };
        it.launch().await;
        it
    }

    /// Starts it again after its end, on the same folder and the same ports.
    pub async fn restart(&mut self) {
        assert!(self.child.is_none(), "it still runs");
        self.launch().await;
    }

    async fn launch(&mut self) {
        let folder = self.folder.path().join("data");
        let mut command = match self.options.disk_mib {
            Some(mib) => on_a_disk(&folder, mib, &self.options),
            None => command(&self.options),
        };
        command.arg("--data-dir").arg(folder).stdin(Stdio::null());
        for (part, flag) in PARTS {
            command.args([flag, self.run[part].as_str().unwrap_or("127.0.0.1:0")]);
        }
        command.stdout(append(&self.stdout_file())).stderr(append(&self.log_file()));
        let start = Instant::now();
        let mut child = command.kill_on_drop(true).spawn().expect("the binary starts");
        let pid = child.id();
        let file = self.data_dir_of(pid).join("run.json");
        // A killed process leaves its run.json behind: the pid tells whose it is.
        self.run = until("run.json of a serving process", LONG, async || {
            if let Some(status) = child.try_wait().expect("a child can be asked") {
                panic!("onethread ended with {status}:\n{}", self.log_tail());
            }
            let run: Value = serde_json::from_slice(&fs::read(&file).ok()?).ok()?;
            (run["pid"].as_u64() == pid.map(u64::from)).then_some(run)
        })
        .await;
        self.served_after = start.elapsed();
        self.child = Some(child);
    }

    /// From the start of the process until it said that it serves.
    pub fn served_after(&self) -> Duration {
        self.served_after
    }

    /// Ends it as a power cut would.
    pub async fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().await.expect("a child can be killed");
    }

    /// Asks it to end, as a service manager does, and gives the status it ended with.
    pub async fn terminate(&mut self, within: Duration) -> ExitStatus {
        self.ask_to_end();
        self.ended(within).await
    }

    /// Sends SIGTERM and returns at once.
    pub fn ask_to_end(&self) {
        let pid = self.pid();
        let mut shell = std::process::Command::new("sh");
        let status = shell.arg("-c").arg(format!("kill -TERM {pid}")).status();
        assert!(status.expect("sh starts").success(), "the process takes signals");
    }

    /// Waits for the end that was asked for.
    pub async fn ended(&mut self, within: Duration) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let ended = tokio::time::timeout(within, child.wait()).await;
        let Ok(status) = ended else {
            panic!("not ended {within:?} after SIGTERM:\n{}", self.log_tail())
        };
        status.expect("a child can be waited for")
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().and_then(Child::id).expect("it runs")
    }

    /// The database it was given in its environment.
    pub fn database_url(&self) -> Option<&str> {
        let given = self.options.env.iter().find(|(name, _)| name == "ONETHREAD_DATABASE_URL");
        given.map(|(_, url)| url.as_str())
    }

    /// The data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.data_dir_of(self.child.as_ref().and_then(Child::id))
    }

    fn data_dir_of(&self, pid: Option<u32>) -> PathBuf {
        let folder = self.folder.path().join("data");
        match (self.options.disk_mib, pid) {
            // Only the process sees its disk, but others see what the process does.
            (Some(_), Some(pid)) => {
                let inside = folder.strip_prefix("/").expect("a temporary folder has a full path");
                Path::new("/proc").join(pid.to_string()).join("root").join(inside)
            }
            _ => folder,
        }
    }

    /// `host:port` of `http`, `identity`, `conversation` or `contactImport`.
    pub fn address(&self, part: &str) -> &str {
        self.run[part].as_str().unwrap_or_else(|| panic!("run.json has no address of {part}"))
    }

    /// What `bootstrap.json` says.
    pub fn bootstrap(&self) -> Value {
        let text =
            fs::read(self.data_dir().join("bootstrap.json")).expect("bootstrap.json is there");
        serde_json::from_slice(&text).expect("bootstrap.json is JSON")
    }

    /// Everything it wrote on stderr so far, over all its starts.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_file()).unwrap_or_default()).into_owned()
    }

    /// Everything it wrote on stdout so far.
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

const PARTS: [(&str, &str); 4] = [
    ("http", "--http-addr"),
    ("identity", "--identity-addr"),
    ("conversation", "--conversation-addr"),
    ("contactImport", "--contact-import-addr"),
];

/// How a process that should not start ended.
#[derive(Debug)]
pub struct Refusal {
    /// Exit status.
    pub code: Option<i32>,
    /// Lines on stderr.
    pub stderr: Vec<String>,
    /// All of stdout.
    pub stdout: String,
}

/// Runs the binary with these arguments alone and waits for its end; one that goes on to serve
/// fails the test.
pub async fn refused(arguments: &[&str], options: &Options) -> Refusal {
    let mut command = command(options);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(20), command.output()).await;
    let Output { status, stdout, stderr } =
        output.expect("it ends by itself").expect("the binary starts");
    Refusal {
        code: status.code(),
        stderr: String::from_utf8_lossy(&stderr).lines().map(str::to_owned).collect(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
    }
}

fn command(options: &Options) -> Command {
    with_environment(Command::new(binary()), options)
}

/// The binary, which alone sees a disk of this size on the folder.
fn on_a_disk(folder: &Path, mib: u32, options: &Options) -> Command {
    const MOUNT: &str = "mount -t tmpfs -o size=\"$0\" tmpfs \"$1\" && shift && exec \"$@\"";
    fs::create_dir_all(folder).expect("a folder to mount on");
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", MOUNT]);
    command.arg(format!("{mib}m")).arg(folder).arg(binary());
    with_environment(command, options)
}

fn with_environment(mut command: Command, options: &Options) -> Command {
    // What the person who runs the tests has set is not part of them.
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

/// The binary under test: `ONETHREAD_BIN`, else the one built last in this target folder.
pub fn binary() -> PathBuf {
    if let Some(path) = env::var_os("ONETHREAD_BIN") {
        let path = PathBuf::from(path);
        assert!(path.is_file(), "ONETHREAD_BIN names no file");
        return path;
    }
    // The tests themselves lie in <target>/<profile>/deps.
    let me = env::current_exe().expect("a process knows its file");
    let target = me.ancestors().nth(3).expect("tests run from a target folder");
    let built = ["release", "debug"].map(|profile| target.join(profile).join("onethread"));
    let newest =
        built.iter().filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)));
    let Some((_, path)) = newest.max() else {
        panic!("there is no onethread to test: run `cargo build --workspace` first");
    };
    path.clone()
}

fn append(path: &Path) -> Stdio {
    fs::OpenOptions::new().create(true).append(true).open(path).expect("a log opens").into()
}
