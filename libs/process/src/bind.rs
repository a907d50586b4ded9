//! From a bound listener to a clean end.

use std::{collections::BTreeMap, net::SocketAddr};

use onethread_errors::Error;
use onethread_lifecycle::Lifecycle;
use serde::Serialize;
use tokio::net::TcpListener;

use crate::{DataFolder, StartError};

/// Takes an address; where it can't be had, the line names the flag that said it.
pub async fn bind(flag: &str, address: SocketAddr) -> Result<TcpListener, StartError> {
    let refused = |error| StartError::Configuration(format!("{flag} {address}: {error}"));
    TcpListener::bind(address).await.map_err(refused)
}

/// `run.json` of a process with one service.
#[derive(Serialize)]
struct Run {
    #[serde(flatten)]
    addresses: BTreeMap<&'static str, SocketAddr>,
    pid: u32,
}

/// For a process with one service: tells in `run.json` where it serves, under the service's name,
/// until it is told to stop and has drained.
pub async fn serving(
    folder: &DataFolder,
    service: &'static str,
    address: SocketAddr,
    life: &Lifecycle,
) -> Result<(), StartError> {
    let run = Run { addresses: BTreeMap::from([(service, address)]), pid: std::process::id() };
    folder.write_addresses(&run).map_err(Error::internal)?;
    tracing::info!(service, %address, "serves");
    life.drained().await;
    folder.clear_addresses();
    Ok(())
}
