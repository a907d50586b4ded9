//! How services speak to each other. Nothing leaves the machine unencrypted by accident.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::Args;
use onethread_events::{NatsUrl, TlsFiles};
use onethread_grpc::{Addresses, Certificates};

use crate::{BusArgs, Dump};

/// Settings of connections between services.
#[derive(Debug, Clone, Default, Args)]
pub struct TransportArgs {
    /// `off` allows plain connections between services beyond this machine
    #[arg(long, env = "ONETHREAD_TLS")]
    pub tls: Option<Tls>,
    /// PEM file with this process's certificate: with it, its key and the authority, services
    /// show each other certificates on every connection; read again when it changes
    #[arg(long, env = "ONETHREAD_TLS_CERT_FILE")]
    pub tls_cert_file: Option<PathBuf>,
    /// PEM file with the certificate's key
    #[arg(long, env = "ONETHREAD_TLS_KEY_FILE")]
    pub tls_key_file: Option<PathBuf>,
    /// PEM file with the authority's certificates, which the others' have to be signed by
    #[arg(long, env = "ONETHREAD_TLS_CA_FILE")]
    pub tls_ca_file: Option<PathBuf>,
}

/// What is said about encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Connections are plain; whoever runs it keeps the network to itself.
    Off,
}

impl TransportArgs {
    /// Refuses what would carry calls over a network in the clear without that being said, and
    /// addresses that don't go with the certificates there are or aren't: addresses to serve on,
    /// each with its flag, and other services, each with its flag. Gives the certificates.
    pub fn check(
        &self,
        serving: &[(&str, SocketAddr)],
        calling: &[(&str, &Addresses)],
    ) -> Result<Option<Certificates>, String> {
        if let Some(certificates) = self.certificates()? {
            return match calling.iter().find(|(_, addresses)| addresses.name_plain()) {
                None => Ok(Some(certificates)),
                Some((flag, _)) => Err(format!(
                    "{flag} says http://, and connections between services have certificates: \
                     write https://"
                )),
            };
        }
        if let Some((flag, _)) = calling.iter().find(|(_, addresses)| addresses.name_secured()) {
            return Err(format!(
                "{flag} says https://, and there are no certificates: say ONETHREAD_TLS_CERT_FILE, \
                 ONETHREAD_TLS_KEY_FILE and ONETHREAD_TLS_CA_FILE"
            ));
        }
        if self.tls == Some(Tls::Off) {
            return Ok(None);
        }
        let serving = serving.iter().filter(|(_, address)| !address.ip().is_loopback());
        let calling = calling.iter().filter(|(_, addresses)| !addresses.are_loopback());
        match serving.map(|(flag, _)| flag).chain(calling.map(|(flag, _)| flag)).next() {
            None => Ok(None),
            Some(flag) => Err(format!(
                "{flag} reaches beyond this machine, and connections between services are plain: \
                 give certificates with ONETHREAD_TLS_CERT_FILE, ONETHREAD_TLS_KEY_FILE and \
                 ONETHREAD_TLS_CA_FILE, or say ONETHREAD_TLS=off if the network keeps others out"
            )),
        }
    }

    /// Refuses a bus that hints would reach over a network in the clear without that being said.
    pub fn check_bus(&self, bus: &BusArgs) -> Result<(), String> {
        let plain = bus.nats_url.as_ref().is_some_and(NatsUrl::is_plain_beyond_here);
        if plain && self.tls != Some(Tls::Off) {
            return Err(
                "--nats-url reaches beyond this machine and says nats://: write tls://, or \
                 say ONETHREAD_TLS=off if the network keeps others out"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// What connections to a bus over TLS show and trust, where there are certificates.
    pub fn bus_files(&self) -> Option<TlsFiles> {
        let (cert, key, ca) = (&self.tls_cert_file, &self.tls_key_file, &self.tls_ca_file);
        let (cert, key, ca) = (cert.clone()?, key.clone()?, ca.clone()?);
        Some(TlsFiles { cert, key, ca })
    }

    fn certificates(&self) -> Result<Option<Certificates>, String> {
        let (cert, key, ca) = match (&self.tls_cert_file, &self.tls_key_file, &self.tls_ca_file) {
            (None, None, None) => return Ok(None),
            _ if self.tls == Some(Tls::Off) => {
                return Err("ONETHREAD_TLS=off and certificates don't go together".to_owned());
            }
            (Some(cert), Some(key), Some(ca)) => (cert.clone(), key.clone(), ca.clone()),
            _ => {
                let line = "--tls-cert-file, --tls-key-file and --tls-ca-file go together: one of \
                    them is missing";
                return Err(line.to_owned());
            }
        };
        let loaded = Certificates::load(cert, key, ca);
        loaded.map(Some).map_err(|error| error.to_string())
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
        let name = |file: &Option<PathBuf>| {
            file.as_ref().map_or_else(String::new, |file| file.display().to_string())
        };
        vec![
            ("TLS", self.tls.map_or_else(String::new, |Tls::Off| "off".to_owned())),
            ("TLS_CERT_FILE", name(&self.tls_cert_file)),
            ("TLS_KEY_FILE", name(&self.tls_key_file)),
            ("TLS_CA_FILE", name(&self.tls_ca_file)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(
        args: &TransportArgs,
        serving: &[(&str, SocketAddr)],
        calling: &[(&str, &Addresses)],
    ) -> String {
        args.check(serving, calling).unwrap_err()
    }

    fn files(folder: &Path) -> TransportArgs {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let cert = params.self_signed(&key).unwrap().pem();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.join(name), text).unwrap();
            Some(folder.join(name))
        };
        TransportArgs {
            tls: None,
            tls_cert_file: write("cert.pem", &cert),
            tls_key_file: write("key.pem", &key.serialize_pem()),
            tls_ca_file: write("ca.pem", &cert),
        }
    }

    #[test]
    fn plain_connections_beyond_the_machine_have_to_be_said() {
        let near: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let far: SocketAddr = "0.0.0.0:1".parse().unwrap();
        let here: Addresses = "http://localhost:1,http://[::1]:2".parse().unwrap();
        let there: Addresses = "http://localhost:1,dns://identity:2".parse().unwrap();
        let unsaid = TransportArgs::default();
        assert_eq!(unsaid.check(&[("--a", near)], &[("--b", &here)]), Ok(None));
        assert!(refused(&unsaid, &[("--a", far)], &[]).starts_with("--a "));
        assert!(refused(&unsaid, &[], &[("--b", &there)]).starts_with("--b "));
        let off = TransportArgs { tls: Some(Tls::Off), ..unsaid };
        assert_eq!(off.check(&[("--a", far)], &[("--b", &there)]), Ok(None));
    }

    #[test]
    fn a_plain_bus_beyond_the_machine_has_to_be_said() {
        let bus = |url: &str| BusArgs { nats_url: Some(url.parse().unwrap()) };
        let unsaid = TransportArgs::default();
        assert!(unsaid.check_bus(&bus("nats://nats:4222")).unwrap_err().starts_with("--nats-url "));
        for near in ["nats://127.0.0.1:4222", "tls://nats:4222"] {
            assert_eq!(unsaid.check_bus(&bus(near)), Ok(()));
        }
        let off = TransportArgs { tls: Some(Tls::Off), ..unsaid };
        assert_eq!(off.check_bus(&bus("nats://nats:4222")), Ok(()));
        assert!(off.bus_files().is_none());
        // With certificates it goes over TLS as everything else does.
        let folder = tempfile::tempdir().unwrap();
        let args = files(folder.path());
        assert!(args.check_bus(&bus("nats://nats:4222")).is_err());
        assert_eq!(args.bus_files().unwrap().ca, folder.path().join("ca.pem"));
    }

    #[test]
    fn certificates_let_connections_leave_the_machine() {
        let folder = tempfile::tempdir().unwrap();
        let args = files(folder.path());
        let far: SocketAddr = "0.0.0.0:1".parse().unwrap();
        let there: Addresses = "https://identity:1,dns://identity:2".parse().unwrap();
        assert!(args.check(&[("--a", far)], &[("--b", &there)]).unwrap().is_some());
        let plain: Addresses = "http://127.0.0.1:1".parse().unwrap();
        let line = refused(&args, &[], &[("--b", &plain)]);
        assert!(line.starts_with("--b ") && line.contains("write https://"), "{line}");
        let shown = args.lines(folder.path());
        assert_eq!(shown[2].0, "TLS_KEY_FILE");
        assert!(shown[2].1.ends_with("/key.pem"));
    }

    #[test]
    fn https_without_certificates_is_refused() {
        let there: Addresses = "https://127.0.0.1:1".parse().unwrap();
        for tls in [None, Some(Tls::Off)] {
            let args = TransportArgs { tls, ..TransportArgs::default() };
            assert!(refused(&args, &[], &[("--b", &there)]).starts_with("--b says https://"));
        }
    }

    #[test]
    fn files_come_together_and_can_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let good = files(folder.path());
        let without = |change: fn(&mut TransportArgs)| {
            let mut args = good.clone();
            change(&mut args);
            refused(&args, &[], &[])
        };
        assert!(without(|args| args.tls_ca_file = None).contains("go together"));
        assert!(without(|args| args.tls_cert_file = None).contains("go together"));
        assert!(without(|args| args.tls = Some(Tls::Off)).contains("ONETHREAD_TLS=off"));
        let line = without(|args| args.tls_key_file = Some("/nowhere/key.pem".into()));
        assert!(line.starts_with("/nowhere/key.pem: "), "{line}");
        // A key that belongs to nothing there, and no key at all.
        let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
        for text in [other.as_str(), "nonsense"] {
            std::fs::write(folder.path().join("key.pem"), text).unwrap();
            let line = refused(&good, &[], &[]);
            assert!(line.contains("/key.pem: "), "{line}");
        }
        std::fs::write(folder.path().join("ca.pem"), "").unwrap();
        assert!(refused(&good, &[], &[]).contains("/ca.pem: "));
    }
}
