//! Settings of connections between services. Connections to other machines are encrypted unless
//! the operator explicitly turns that off.

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
    /// Set to off to allow plain connections to services on other machines
    #[arg(long, env = "ONETHREAD_TLS")]
    pub tls: Option<Tls>,
    /// PEM file with this process's certificate. With a certificate, its key and a CA, services
    /// use mutual TLS on every connection. Changed files are loaded without a restart
    #[arg(long, env = "ONETHREAD_TLS_CERT_FILE")]
    pub tls_cert_file: Option<PathBuf>,
    /// PEM file with the key of the certificate
    #[arg(long, env = "ONETHREAD_TLS_KEY_FILE")]
    pub tls_key_file: Option<PathBuf>,
    /// PEM file with the certificates of the CA that signs the certificates of all services
    #[arg(long, env = "ONETHREAD_TLS_CA_FILE")]
    pub tls_ca_file: Option<PathBuf>,
}

/// The value of `ONETHREAD_TLS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Connections are plain, because the operator trusts the network.
    Off,
}

impl TransportArgs {
    /// Checks that calls between services are encrypted or may be plain, and that the URLs go with
    /// the certificates. `listen` are addresses of this process and `services` are other services,
    /// each with its flag. Returns the certificates, if there are any.
    ///
    /// # Errors
    ///
    /// Returns one line that names the flag or the file at fault.
    pub fn check(
        &self,
        listen: &[(&str, SocketAddr)],
        services: &[(&str, &Addresses)],
    ) -> Result<Option<Certificates>, String> {
        if let Some(certificates) = self.certificates()? {
            return match services.iter().find(|(_, addresses)| addresses.contain_http()) {
                None => Ok(Some(certificates)),
                Some((flag, _)) => Err(format!(
                    "{flag} uses http://, but connections between services have certificates: \
                     write https://"
                )),
            };
        }
        if let Some((flag, _)) = services.iter().find(|(_, addresses)| addresses.contain_https()) {
            return Err(format!(
                "{flag} uses https://, but there are no certificates: set ONETHREAD_TLS_CERT_FILE, \
                 ONETHREAD_TLS_KEY_FILE and ONETHREAD_TLS_CA_FILE"
            ));
        }
        if self.tls == Some(Tls::Off) {
            return Ok(None);
        }
        let listen = listen.iter().filter(|(_, address)| !address.ip().is_loopback());
        let services = services.iter().filter(|(_, addresses)| !addresses.are_loopback());
        match listen.map(|(flag, _)| flag).chain(services.map(|(flag, _)| flag)).next() {
            None => Ok(None),
            Some(flag) => Err(format!(
                "{flag} is not a loopback address and no TLS certificates are configured: set \
                 ONETHREAD_TLS_CERT_FILE, ONETHREAD_TLS_KEY_FILE and ONETHREAD_TLS_CA_FILE, or \
                 ONETHREAD_TLS=off if the network is trusted"
            )),
        }
    }

    /// Checks that the connection to the bus is encrypted or may be plain.
    ///
    /// # Errors
    ///
    /// Returns one line when hints would leave this machine unencrypted.
    pub fn check_bus(&self, bus: &BusArgs) -> Result<(), String> {
        let plain = bus.nats_url.as_ref().is_some_and(NatsUrl::has_plain_remote);
        if plain && self.tls != Some(Tls::Off) {
            return Err(
                "--nats-url is not a loopback address and uses nats://: write tls://, or set \
                 ONETHREAD_TLS=off if the network is trusted"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// Returns the files for TLS connections to the bus, if there are certificates.
    pub fn bus_files(&self) -> Option<TlsFiles> {
        let (cert, key, ca) = (&self.tls_cert_file, &self.tls_key_file, &self.tls_ca_file);
        let (cert, key, ca) = (cert.clone()?, key.clone()?, ca.clone()?);
        Some(TlsFiles { cert, key, ca })
    }

    fn certificates(&self) -> Result<Option<Certificates>, String> {
        let (cert, key, ca) = match (&self.tls_cert_file, &self.tls_key_file, &self.tls_ca_file) {
            (None, None, None) => return Ok(None),
            _ if self.tls == Some(Tls::Off) => {
                return Err("ONETHREAD_TLS=off and certificates can't be used together".to_owned());
            }
            (Some(cert), Some(key), Some(ca)) => (cert.clone(), key.clone(), ca.clone()),
            _ => {
                let line = "--tls-cert-file, --tls-key-file and --tls-ca-file must be set together";
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

    fn error(
        args: &TransportArgs,
        listen: &[(&str, SocketAddr)],
        services: &[(&str, &Addresses)],
    ) -> String {
        args.check(listen, services).unwrap_err()
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
    fn plain_connections_to_other_machines_have_to_be_allowed() {
        let near: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let far: SocketAddr = "0.0.0.0:1".parse().unwrap();
        let here: Addresses = "http://localhost:1,http://[::1]:2".parse().unwrap();
        let there: Addresses = "http://localhost:1,dns://identity:2".parse().unwrap();
        let unset = TransportArgs::default();
        assert_eq!(unset.check(&[("--a", near)], &[("--b", &here)]), Ok(None));
        assert!(error(&unset, &[("--a", far)], &[]).starts_with("--a "));
        assert!(error(&unset, &[], &[("--b", &there)]).starts_with("--b "));
        let off = TransportArgs { tls: Some(Tls::Off), ..unset };
        assert_eq!(off.check(&[("--a", far)], &[("--b", &there)]), Ok(None));
    }

    #[test]
    fn a_plain_bus_on_another_machine_has_to_be_allowed() {
        let bus = |url: &str| BusArgs { nats_url: Some(url.parse().unwrap()) };
        let unset = TransportArgs::default();
        assert!(unset.check_bus(&bus("nats://nats:4222")).unwrap_err().starts_with("--nats-url "));
        for near in ["nats://127.0.0.1:4222", "tls://nats:4222"] {
            assert_eq!(unset.check_bus(&bus(near)), Ok(()));
        }
        let off = TransportArgs { tls: Some(Tls::Off), ..unset };
        assert_eq!(off.check_bus(&bus("nats://nats:4222")), Ok(()));
        assert!(off.bus_files().is_none());
        let folder = tempfile::tempdir().unwrap();
        let args = files(folder.path());
        assert!(args.check_bus(&bus("nats://nats:4222")).is_err());
        assert_eq!(args.bus_files().unwrap().ca, folder.path().join("ca.pem"));
    }

    #[test]
    fn certificates_allow_connections_to_other_machines() {
        let folder = tempfile::tempdir().unwrap();
        let args = files(folder.path());
        let far: SocketAddr = "0.0.0.0:1".parse().unwrap();
        let there: Addresses = "https://identity:1,dns://identity:2".parse().unwrap();
        assert!(args.check(&[("--a", far)], &[("--b", &there)]).unwrap().is_some());
        let plain: Addresses = "http://127.0.0.1:1".parse().unwrap();
        let line = error(&args, &[], &[("--b", &plain)]);
        assert!(line.starts_with("--b ") && line.contains("write https://"), "{line}");
        let dump = args.lines(folder.path());
        assert_eq!(dump[2].0, "TLS_KEY_FILE");
        assert!(dump[2].1.ends_with("/key.pem"));
    }

    #[test]
    fn https_without_certificates_is_rejected() {
        let there: Addresses = "https://127.0.0.1:1".parse().unwrap();
        for tls in [None, Some(Tls::Off)] {
            let args = TransportArgs { tls, ..TransportArgs::default() };
            assert!(error(&args, &[], &[("--b", &there)]).starts_with("--b uses https://"));
        }
    }

    #[test]
    fn certificate_files_are_complete_and_usable() {
        let folder = tempfile::tempdir().unwrap();
        let good = files(folder.path());
        let changed = |change: fn(&mut TransportArgs)| {
            let mut args = good.clone();
            change(&mut args);
            error(&args, &[], &[])
        };
        assert!(changed(|args| args.tls_ca_file = None).contains("set together"));
        assert!(changed(|args| args.tls_cert_file = None).contains("set together"));
        assert!(changed(|args| args.tls = Some(Tls::Off)).contains("ONETHREAD_TLS=off"));
        let line = changed(|args| args.tls_key_file = Some("/nowhere/key.pem".into()));
        assert!(line.starts_with("/nowhere/key.pem: "), "{line}");
        // A key of another certificate, and a file that is no key.
        let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
        for text in [other.as_str(), "nonsense"] {
            std::fs::write(folder.path().join("key.pem"), text).unwrap();
            let line = error(&good, &[], &[]);
            assert!(line.contains("/key.pem: "), "{line}");
        }
        std::fs::write(folder.path().join("ca.pem"), "").unwrap();
        assert!(error(&good, &[], &[]).contains("/ca.pem: "));
    }
}
