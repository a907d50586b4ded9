//! Tokens. Tokens of pages are signed and not stored: a device token has the device and its visitor, a
//! session token the visitor or contact. Tokens of agents and servers are random and stored as a hash.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
};
use onethread_core::{
    ApplicationId, ContactId, DeviceId, Entropy, IdentityKeyId, OrganizationId, Timestamp,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{domain::keys::ServerKeys, organization::domain::policy::Verified};

/// Lifetime of a visitor's tokens.
pub(crate) const VISITOR_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);
/// Lifetime of an unused session of a contact.
pub(crate) const CONTACT_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Lifetime of an agent's login.
pub(crate) const LOGIN_LIFETIME: Duration = Duration::from_secs(14 * 24 * 3600);

/// A device token. It never proves who the contact is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeviceToken {
    #[serde(rename = "org")]
    pub(crate) organization_id: OrganizationId,
    #[serde(rename = "dev")]
    pub(crate) device_id: DeviceId,
    /// The visitor on the device: at first the device's own id, another one after that visitor has
    /// become a contact.
    #[serde(rename = "vis")]
    pub(crate) visitor_id: ContactId,
    /// Issued with a rejected login. Its visitor is never merged into a contact.
    #[serde(rename = "cln", default)]
    pub(crate) clean: bool,
    /// The device's epoch when the token was issued: its visitor is not merged into a contact that
    /// logged in on the device later.
    #[serde(rename = "dep", default)]
    pub(crate) epoch: i64,
    /// Seconds since 1970.
    #[serde(rename = "iat")]
    pub(crate) issued: i64,
}

impl DeviceToken {
    /// True while the visitor is the one that the device began with.
    pub(crate) fn is_first(&self) -> bool {
        self.visitor_id == ContactId::of_visitor(self.device_id)
    }
}

/// A session token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SessionToken {
    Visitor(VisitorToken),
    Contact(ContactToken),
}

/// A visitor's session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VisitorToken {
    #[serde(rename = "app")]
    pub(crate) application_id: ApplicationId,
    #[serde(flatten)]
    pub(crate) device: DeviceToken,
}

/// A contact's session on a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ContactToken {
    #[serde(rename = "org")]
    pub(crate) organization_id: OrganizationId,
    #[serde(rename = "app")]
    pub(crate) application_id: ApplicationId,
    #[serde(rename = "dev")]
    pub(crate) device_id: DeviceId,
    #[serde(rename = "con")]
    pub(crate) contact_id: ContactId,
    /// The device's epoch when the session began.
    #[serde(rename = "epo")]
    pub(crate) epoch: i64,
    /// The contact's claims and resets when the session began.
    #[serde(rename = "clm")]
    pub(crate) claim_version: i64,
    /// How its init proved the user id.
    #[serde(rename = "prf", default)]
    pub(crate) proven: Verified,
    /// The identity key that proved it.
    #[serde(rename = "key", default, skip_serializing_if = "Option::is_none")]
    pub(crate) identity_key: Option<IdentityKeyId>,
    /// Changes of the organization's policy when the session began.
    #[serde(rename = "pol", default)]
    pub(crate) policy_version: i64,
    #[serde(rename = "iat")]
    pub(crate) issued: i64,
}

/// A token as it is signed: with its use, so that none is valid for another.
#[derive(Serialize, Deserialize)]
struct Signed<T> {
    #[serde(rename = "use")]
    usage: String,
    #[serde(flatten)]
    token: T,
}

const DEVICE: &str = "device";
const VISITOR: &str = "visitor";
const CONTACT: &str = "contact";

impl ServerKeys {
    /// Signs a device token.
    pub(crate) fn sign_device(&self, token: &DeviceToken) -> String {
        self.sign(DEVICE, token)
    }

    /// Reads a device token of this organization. `None` when it is not one, forged, or too old.
    pub(crate) fn read_device(
        &self,
        text: &str,
        organization: OrganizationId,
        now: Timestamp,
    ) -> Option<DeviceToken> {
        let token: DeviceToken = self.read(DEVICE, text)?;
        (token.organization_id == organization && is_young(token.issued, now)).then_some(token)
    }

    /// Signs a session token.
    pub(crate) fn sign_session(&self, token: &SessionToken) -> String {
        match token {
            SessionToken::Visitor(token) => self.sign(VISITOR, token),
            SessionToken::Contact(token) => self.sign(CONTACT, token),
        }
    }

    /// Reads a session token. `None` when it is not one, forged, or too old. Whether the session was
    /// revoked is in the database.
    pub(crate) fn read_session(&self, text: &str, now: Timestamp) -> Option<SessionToken> {
        if let Some(token) = self.read::<ContactToken>(CONTACT, text) {
            return Some(SessionToken::Contact(token));
        }
        let token: VisitorToken = self.read(VISITOR, text)?;
        is_young(token.device.issued, now).then_some(SessionToken::Visitor(token))
    }

    fn sign<T: Serialize>(&self, usage: &str, token: &T) -> String {
        let key = self.newest();
        let header = Header { kid: Some(key.id().to_owned()), ..Header::new(Algorithm::HS256) };
        let signed = Signed { usage: usage.to_owned(), token };
        let secret = EncodingKey::from_secret(key.token_secret());
        encode(&header, &signed, &secret).expect("plain data and a key of its own kind")
    }

    fn read<T: DeserializeOwned>(&self, usage: &str, text: &str) -> Option<T> {
        let key = self.find(&decode_header(text).ok()?.kid?)?;
        // The header doesn't choose the algorithm, and the time is checked by our own clock.
        let mut rules = Validation::new(Algorithm::HS256);
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        rules.validate_aud = false;
        let secret = DecodingKey::from_secret(key.token_secret());
        let signed = decode::<Signed<T>>(text, &secret, &rules).ok()?.claims;
        (signed.usage == usage).then_some(signed.token)
    }
}

fn is_young(issued: i64, now: Timestamp) -> bool {
    let life = i64::try_from(VISITOR_LIFE.as_secs()).unwrap_or(i64::MAX);
    now.seconds() < issued.saturating_add(life)
}

/// A random token: of an agent's login, an invitation, or an API key. It begins with its
/// organization, so that its hash is looked up only there.
#[derive(Clone)]
pub(crate) struct RandomToken {
    pub(crate) organization_id: OrganizationId,
    /// SHA-256 of the whole text.
    pub(crate) hash: Vec<u8>,
}

/// What a random token is for, as its prefix shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RandomUse {
    Login,
    ApiKey,
    Invitation,
}

impl RandomUse {
    fn prefix(self) -> &'static str {
        match self {
            Self::Login => "otl_",
            Self::ApiKey => "otk_",
            Self::Invitation => "oti_",
        }
    }
}

impl RandomToken {
    /// Generates a token: the text for its holder, and what is stored.
    pub(crate) fn generate(
        usage: RandomUse,
        organization: OrganizationId,
        entropy: &dyn Entropy,
    ) -> (String, Self) {
        let mut bytes = [0; 48];
        entropy.fill(&mut bytes);
        bytes[..16].copy_from_slice(organization.0.as_bytes());
        let text = format!("{}{}", usage.prefix(), URL_SAFE_NO_PAD.encode(bytes));
        let hash = Sha256::digest(&text).to_vec();
        (text, Self { organization_id: organization, hash })
    }

    /// Reads a token of this use. `None` when it is not one.
    pub(crate) fn read(usage: RandomUse, text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(usage.prefix())?).ok()?;
        let (organization, secret) = bytes.split_first_chunk::<16>()?;
        (secret.len() == 32).then(|| Self {
            organization_id: OrganizationId(Uuid::from_bytes(*organization)),
            hash: Sha256::digest(text).to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use onethread_core::SeededEntropy;

    use super::*;
    use crate::domain::keys::ServerKey;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn keys(names: &[&str]) -> ServerKeys {
        let key = |name: &&str| ServerKey::new((*name).to_owned(), name.as_bytes());
        ServerKeys::new(names.iter().map(key).collect()).unwrap()
    }

    fn here() -> OrganizationId {
        OrganizationId(Uuid::from_u128(1))
    }

    fn device() -> DeviceToken {
        DeviceToken {
            organization_id: here(),
            device_id: DeviceId(Uuid::from_u128(2)),
            visitor_id: ContactId(Uuid::from_u128(2)),
            clean: false,
            epoch: 0,
            issued: NOW.seconds(),
        }
    }

    fn contact() -> SessionToken {
        SessionToken::Contact(ContactToken {
            organization_id: here(),
            application_id: ApplicationId(Uuid::from_u128(4)),
            device_id: DeviceId(Uuid::from_u128(2)),
            contact_id: ContactId(Uuid::from_u128(5)),
            epoch: 3,
            claim_version: 1,
            proven: Verified::Jwt,
            identity_key: Some(IdentityKeyId(Uuid::from_u128(6))),
            policy_version: 2,
            issued: NOW.seconds(),
        })
    }

    #[test]
    fn a_token_is_read_with_the_key_that_signed_it() {
        let text = keys(&["old"]).sign_session(&contact());
        assert_eq!(keys(&["old", "new"]).read_session(&text, NOW), Some(contact()));
        assert_eq!(keys(&["new"]).read_session(&text, NOW), None);
    }

    #[test]
    fn a_token_of_one_kind_is_not_read_as_another() {
        let keys = keys(&["a"]);
        let device_text = keys.sign_device(&device());
        let session_text = keys.sign_session(&contact());
        assert_eq!(keys.read_session(&device_text, NOW), None);
        assert_eq!(keys.read_device(&session_text, here(), NOW), None);
        let elsewhere = OrganizationId(Uuid::from_u128(9));
        assert_eq!(keys.read_device(&device_text, elsewhere, NOW), None);
    }

    #[test]
    fn a_year_old_token_is_rejected() {
        let keys = keys(&["a"]);
        let text = keys.sign_device(&device());
        assert!(keys.read_device(&text, here(), NOW).is_some());
        assert_eq!(keys.read_device(&text, here(), NOW.plus(VISITOR_LIFE)), None);
    }

    #[test]
    fn a_token_with_a_changed_character_is_rejected() {
        let keys = keys(&["a"]);
        let text = keys.sign_device(&device());
        for at in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            let read = keys.read_device(&forged, here(), NOW);
            // The last character of base64 has unused bits.
            assert!(read.is_none() || at + 1 == text.len(), "changed at {at}");
        }
        assert_eq!(keys.read_device("eyJhbGciOiJub25lIn0.e30.", here(), NOW), None);
    }

    #[test]
    fn a_random_token_has_its_organization_and_use() {
        let (text, created) =
            RandomToken::generate(RandomUse::Login, here(), &SeededEntropy::new(1));
        let read = RandomToken::read(RandomUse::Login, &text).unwrap();
        assert_eq!((read.organization_id, read.hash), (here(), created.hash));
        assert!(RandomToken::read(RandomUse::ApiKey, &text).is_none());
    }
}
