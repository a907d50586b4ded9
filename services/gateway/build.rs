//! Builds the browser side in `web/` into the folder that the pages are embedded from.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

/// The pages that every build must have.
const PAGES: [&str; 4] = ["inbox.html", "demo.html", "frame.html", "app.html"];

fn main() {
    println!("cargo::rerun-if-env-changed=ONETHREAD_WEB");
    for part in [
        "app",
        "demo",
        "frame",
        "inbox",
        "shared",
        "widget",
        "build.mjs",
        "support.mjs",
        "package-lock.json",
    ] {
        println!("cargo::rerun-if-changed=web/{part}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("web");
    if let Err(problem) = web(&out) {
        println!("cargo::error=the browser side can't be built: {problem}");
    }
}

/// Builds by `ONETHREAD_WEB`: `auto`, `required`, or a folder of finished pages.
fn web(out: &Path) -> Result<(), String> {
    let mode = env::var("ONETHREAD_WEB").unwrap_or_default();
    fs::remove_dir_all(out).or_else(missing).map_err(|error| error.to_string())?;
    fs::create_dir_all(out).map_err(|error| error.to_string())?;
    match mode.as_str() {
        "required" => install().and_then(|()| build(out)),
        "" | "auto" => match install() {
            Ok(()) => build(out),
            Err(problem) => {
                println!("cargo::warning=building without pages: {problem}");
                placeholders(out).map_err(|error| error.to_string())
            }
        },
        folder => copy(Path::new(folder), out),
    }
}

fn missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Installs the packages of `package-lock.json`. npm skips those that are installed.
fn install() -> Result<(), String> {
    run(Command::new("npm").args(["install", "--no-save", "--no-audit", "--no-fund"]))
}

fn build(out: &Path) -> Result<(), String> {
    run(Command::new("node").arg("build.mjs").arg(out))
}

fn run(command: &mut Command) -> Result<(), String> {
    let output =
        command.current_dir("web").output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let printed = [output.stdout, output.stderr].concat();
    Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&printed).replace('\n', " | ")))
}

fn copy(from: &Path, out: &Path) -> Result<(), String> {
    let describe = |error: io::Error| format!("ONETHREAD_WEB is {}: {error}", from.display());
    for entry in fs::read_dir(from).map_err(describe)? {
        let entry = entry.map_err(describe)?;
        println!("cargo::rerun-if-changed={}", entry.path().display());
        if entry.path().is_file() {
            fs::copy(entry.path(), out.join(entry.file_name())).map_err(describe)?;
        }
    }
    match PAGES.iter().find(|page| !out.join(page).is_file()) {
        Some(page) => Err(format!("ONETHREAD_WEB is {}, which has no {page}", from.display())),
        None => Ok(()),
    }
}

fn placeholders(out: &Path) -> io::Result<()> {
    let page = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Onethread</title>\
                <p>This server was built without Node, so it has no pages. Install Node 20.19 or newer, \
                and run <code>cargo build --release</code> again.</p></html>";
    for name in PAGES {
        fs::write(out.join(name), page)?;
    }
    let script =
        "console.warn('Onethread: this server was built without Node, so it has no widget.');";
    fs::write(out.join("widget.js"), script)
}
