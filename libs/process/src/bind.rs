//! Listeners, and `run.json` while a process serves.

use std::{collections::BTreeMap, net::SocketAddr};

use onethread_errors::Error;
use onethread_lifecycle::Lifecycle;
use serde::Serialize;
use tokio::net::TcpListener;

use crate::{DataFolder, StartError, open_files};

/// Binds an address.
///
/// # Errors
///
/// When the address can't be bound. The message names the flag that has it.
pub async fn bind(flag: &str, address: SocketAddr) -> Result<TcpListener, StartError> {
    let failed = |error| StartError::Configuration(format!("{flag} {address}: {error}"));
    TcpListener::bind(address).await.map_err(failed)
}

/// `run.json` of a process with one service.
#[derive(Serialize)]
struct RunFile {
    #[serde(flatten)]
    addresses: BTreeMap<&'static str, SocketAddr>,
    pid: u32,
}

/// For a process with one service: writes its address to `run.json`, under the service's name, and
/// removes it after the process was asked to stop and has drained.
///
/// # Errors
///
/// When `run.json` can't be written.
pub async fn announce_and_wait(
    folder: &DataFolder,
    service: &'static str,
    address: SocketAddr,
    life: &Lifecycle,
) -> Result<(), StartError> {
    let run = RunFile { addresses: BTreeMap::from([(service, address)]), pid: std::process::id() };
    folder.write_addresses(&run).map_err(Error::internal)?;
    tracing::info!(service, %address, open_files = open_files(), "serves");
    life.wait_for_shutdown().await;
    folder.clear_addresses();
    Ok(())
}
