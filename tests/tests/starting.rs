//! Invalid starts: one line on stderr, exit status 64, and nothing is written.

use std::{net::TcpListener, path::Path};

use onethread_tests::{ExitOutput, Onethread, Options, run_to_exit};
use tempfile::TempDir;

const FREE_PORTS: [&str; 8] = [
    "--http-addr",
    "127.0.0.1:0",
    "--identity-addr",
    "127.0.0.1:0",
    "--conversation-addr",
    "127.0.0.1:0",
    "--contact-import-addr",
    "127.0.0.1:0",
];

fn in_folder<'a>(folder: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = FREE_PORTS.to_vec();
    arguments.extend(["--data-dir", folder]);
    // A repeated flag would be another error, so it is replaced.
    for pair in more.chunks(2) {
        match arguments.iter().position(|one| *one == pair[0]) {
            Some(at) => arguments[at + 1] = pair[1],
            None => arguments.extend(pair),
        }
    }
    arguments
}

#[track_caller]
fn expect_one_line(exit: &ExitOutput, words: &[&str]) {
    assert_eq!(exit.code, Some(64), "{exit:?}");
    assert_eq!(exit.stderr.len(), 1, "{exit:?}");
    assert_eq!(exit.stdout, "", "{exit:?}");
    let line = exit.stderr[0].to_lowercase();
    assert!(words.iter().any(|word| line.contains(word)), "none of {words:?} in {line}");
    assert!(!line.contains("panicked"), "{line}");
}

fn expect_empty(folder: &Path) {
    assert!(!folder.join("run.json").exists());
    let listed: Vec<_> = folder.read_dir().into_iter().flatten().flatten().collect();
    assert!(listed.is_empty(), "{listed:?}");
}

#[tokio::test]
async fn a_bad_flag_or_variable() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let path = data.to_str().unwrap();
    let plain = Options::default();
    for (more, word) in [
        (&["--nonsense", "1"], "nonsense"),
        (&["--http-addr", "nowhere"], "http-addr"),
        (&["--http-addr", "127.0.0.1:70000"], "http-addr"),
        (&["--rate-limits", "sometimes"], "rate-limits"),
        (&["--log-format", "xml"], "log-format"),
        (&["--trusted-proxies", "everyone"], "trusted-proxies"),
        (&["--database-url", "mysql://x"], "database-url"),
    ] {
        expect_one_line(&run_to_exit(&in_folder(path, more), &plain).await, &[word]);
    }
    for (name, value) in [
        ("ONETHREAD_RATE_LIMITS", "sometimes"),
        ("ONETHREAD_TRUSTED_PROXIES", "everyone"),
        ("ONETHREAD_LOG_FORMAT", "xml"),
        ("RUST_LOG", "onethread=nonsense=what"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon"),
    ] {
        let mut options = Options::default().env(name, value);
        if name.starts_with("OTEL") {
            options = options.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
        }
        let words = [
            name.to_lowercase(),
            name.replace("ONETHREAD_", "--").to_lowercase().replace('_', "-"),
        ];
        expect_one_line(
            &run_to_exit(&in_folder(path, &[]), &options).await,
            &words.each_ref().map(String::as_str),
        );
    }
    let limits = folder.path().join("limits.toml");
    std::fs::write(&limits, "init = 5\ninits = 5\n").unwrap();
    let more = ["--rate-limits", limits.to_str().unwrap()];
    expect_one_line(&run_to_exit(&in_folder(path, &more), &plain).await, &["`inits`"]);
    assert!(!data.exists(), "the folder is not made before the settings are good");
}

#[tokio::test]
async fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--http-addr", "--identity-addr", "--conversation-addr", "--contact-import-addr"] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().to_str().unwrap();
        let exit = run_to_exit(&in_folder(path, &[flag, &address]), &Options::default()).await;
        expect_one_line(&exit, &[&address]);
        assert!(!folder.path().join("run.json").exists());
        assert!(!folder.path().join("bootstrap.json").exists(), "nothing is half-started");
    }
    // Two of our services can't have the same port either.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let folder = TempDir::new().unwrap();
    let both = ["--http-addr", &free, "--identity-addr", &free];
    let exit =
        run_to_exit(&in_folder(folder.path().to_str().unwrap(), &both), &Options::default()).await;
    expect_one_line(&exit, &[&free]);
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_written() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    // The tests may run as root, who has every permission. These paths fail for root too.
    for path in [file.clone(), file.join("data"), Path::new("/proc/onethread").to_owned()] {
        let path = path.to_str().unwrap();
        expect_one_line(
            &run_to_exit(&in_folder(path, &[]), &Options::default()).await,
            &[&path.to_lowercase()],
        );
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), "not a folder");
}

#[tokio::test]
async fn a_data_folder_that_is_in_use() {
    let first = Onethread::start(Options::default()).await;
    let folder = first.data_dir();
    let run = std::fs::read(folder.join("run.json")).unwrap();
    let path = folder.to_str().unwrap();
    let exit = run_to_exit(&in_folder(path, &[]), &Options::default()).await;
    expect_one_line(&exit, &["use", "lock", "another"]);
    assert_eq!(std::fs::read(folder.join("run.json")).unwrap(), run);
    let api = onethread_tests::Api::new(first.address("http"));
    api.get("/readyz").await.expect(200);
}

#[tokio::test]
async fn help_version_and_dump_exit_successfully() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let path = data.to_str().unwrap();
    let secret = Options::default().env("ONETHREAD_DATABASE_URL", "postgres://u:canary-pass@h/db");
    for flag in ["--help", "--version", "--dump-config"] {
        let answer = run_to_exit(&["--data-dir", path, flag], &secret).await;
        assert_eq!(answer.code, Some(0), "{answer:?}");
        assert!(answer.stderr.is_empty() && !answer.stdout.is_empty(), "{answer:?}");
        assert!(!answer.stdout.contains("canary-pass"), "{answer:?}");
    }
    expect_empty(&data);
}

#[tokio::test]
async fn an_empty_variable_counts_as_not_set() {
    let names = ["HTTP_ADDR", "DATABASE_URL", "OPERATOR_TOKEN", "TLS", "RATE_LIMITS", "LOG_FORMAT"];
    let empty = names
        .iter()
        .fold(Options::default(), |options, name| options.env(&format!("ONETHREAD_{name}"), ""));
    let answer = run_to_exit(&["--dump-config"], &empty).await;
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(answer.stdout.contains("ONETHREAD_HTTP_ADDR=127.0.0.1:8080"), "{answer:?}");
}

#[tokio::test]
async fn no_password_in_a_url_is_shown() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data");
    let path = path.to_str().unwrap();
    let urls = [
        "postgres://me:canary@127.0.0.1:1/x",
        "postgres://can%61ry:canary@127.0.0.1:1/x?sslmode=disable&sslpassword=canary",
        "postgres://127.0.0.1:1/x?user=canary&password=canary&token=canary",
        "postgres://me:1/canary@127.0.0.1/x",
        "postgres://me:1?canary@127.0.0.1/x",
    ];
    for url in urls {
        for dump in [true, false] {
            let mut more =
                vec!["--database-url", url, "--nats-url", "nats://me:canary@127.0.0.1:1"];
            if dump {
                more.extend(["--dump-config"]);
            }
            let mut arguments = in_folder(path, &more[..4]);
            arguments.extend(&more[4..]);
            // An invalid URL ends it before it tries to connect.
            let options = Options::default().env("RUST_LOG", "trace");
            let exit = run_to_exit(&arguments, &options).await;
            let shown = exit.stdout + &exit.stderr.join("\n");
            assert!(!shown.contains("canary") && !shown.contains("can%61ry"), "{url}: {shown}");
            if dump {
                assert!(shown.contains("DATABASE_URL=postgres://"), "{url}: {shown}");
            }
        }
    }
    for (flag, value) in [
        ("--database-url", "mysql://me:canary@db"),
        ("--database-url", "me:canary@db"),
        ("--nats-url", "nats://me:canary@a/path"),
        ("--object-store-url", "s3://key:canary@files"),
        ("--object-store-url", "https://files/?signature=canary"),
        ("--trusted-proxies", "http://me:canary@proxy"),
        ("--http-addr", "http://me:canary@0.0.0.0:80"),
        ("--rate-limits", "https://me:canary@limits/"),
    ] {
        let exit = run_to_exit(&in_folder(path, &[flag, value]), &Options::default()).await;
        assert_eq!(exit.code, Some(64), "{exit:?}");
        assert!(!exit.stderr.join("\n").contains("canary"), "{exit:?}");
    }
    let exit = run_to_exit(&["postgres://me:canary@db"], &Options::default()).await;
    assert!(!exit.stderr.join("\n").contains("canary"), "{exit:?}");
    let collector = Options::default()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:<canary@127.0.0.1:1/ x?token=canary");
    let exit = run_to_exit(&in_folder(path, &[]), &collector).await;
    assert!(!exit.stderr.join("\n").contains("canary"), "{exit:?}");
}

#[tokio::test]
async fn a_keys_file_that_others_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let (data, keys) = (folder.path().join("data"), folder.path().join("keys.json"));
    std::fs::write(&keys, "{}").unwrap();
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o644)).unwrap();
    let more = ["--server-keys-file", keys.to_str().unwrap()];
    let arguments = in_folder(data.to_str().unwrap(), &more);
    let exit = run_to_exit(&arguments, &Options::default()).await;
    expect_one_line(&exit, &["others can read it (mode 0644): run chmod 600"]);
    assert!(!data.exists());
}
