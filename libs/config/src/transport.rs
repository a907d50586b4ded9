//! How services speak to each other. Nothing leaves the machine unencrypted by accident.

use std::{net::SocketAddr, path::Path, str::FromStr};

use clap::Args;
use onethread_grpc::Addresses;

use crate::Dump;

/// Settings of connections between services.
#[derive(Debug, Clone, Args)]
pub struct TransportArgs {
    /// `off` allows plain connections between services beyond this machine
    #[arg(long, env = "ONETHREAD_TLS")]
    pub tls: Option<Tls>,
}

/// What is said about encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Connections are plain; whoever runs it keeps the network to itself.
    Off,
}

impl TransportArgs {
    /// Refuses what would carry calls over a network in the clear without that being said:
    /// addresses to serve on, each with its flag, and other services, each with its flag.
    pub fn check(
        &self,
        serving: &[(&str, SocketAddr)],
        calling: &[(&str, &Addresses)],
    ) -> Result<(), String> {
        if self.tls == Some(Tls::Off) {
            return Ok(());
        }
        let serving = serving.iter().filter(|(_, address)| !address.ip().is_loopback());
        let calling = calling.iter().filter(|(_, addresses)| !addresses.are_loopback());
        match serving.map(|(flag, _)| flag).chain(calling.map(|(flag, _)| flag)).next() {
            None => Ok(()),
            Some(flag) => Err(format!(
                "{flag} reaches beyond this machine, and connections between services are plain: \
                 say ONETHREAD_TLS=off if the network keeps others out"
            )),
        }
    }
}

impl FromStr for Tls {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" { Ok(Self::Off) } else { Err("`off` is expected") }
    }
}

impl Dump for TransportArgs {
    fn lines(&self, _: &Path) -> Vec<(&'static str, String)> {
        vec![("TLS", self.tls.map_or_else(String::new, |Tls::Off| "off".to_owned()))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_connections_beyond_the_machine_have_to_be_said() {
        let near: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let far: SocketAddr = "0.0.0.0:1".parse().unwrap();
        let here: Addresses = "http://localhost:1,http://[::1]:2".parse().unwrap();
        let there: Addresses = "http://localhost:1,dns://identity:2".parse().unwrap();
        let unsaid = TransportArgs { tls: None };
        assert_eq!(unsaid.check(&[("--a", near)], &[("--b", &here)]), Ok(()));
        assert!(unsaid.check(&[("--a", far)], &[]).unwrap_err().starts_with("--a "));
        assert!(unsaid.check(&[], &[("--b", &there)]).unwrap_err().starts_with("--b "));
        let off = TransportArgs { tls: Some(Tls::Off) };
        assert_eq!(off.check(&[("--a", far)], &[("--b", &there)]), Ok(()));
    }
}
