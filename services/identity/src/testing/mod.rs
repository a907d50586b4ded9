//! Fixtures of tests that call the service on a real database.

pub(crate) mod contacts;
pub(crate) mod imports;

use std::sync::Arc;

use futures::future::join_all;
use onethread_core::{SystemClock, SystemEntropy};
use onethread_db::Database;
use onethread_proto::{
    common::{Actor, ActorKind},
    identity::{
        self as wire, contact_service_client::ContactServiceClient,
        conversation_fact_service_client::ConversationFactServiceClient,
        identify_response::Outcome, session_service_client::SessionServiceClient,
        visitor_service_client::VisitorServiceClient,
    },
};
use onethread_testing::ScratchDatabase;
use prost_types::{Value, value::Kind};
use tonic::Code;
use uuid::Uuid;

use crate::{Deps, Keys, MadeOrganization, Service, build};

/// Two identity processes on one database, with one organization.
pub(crate) struct Identity {
    pub(crate) service: Service,
    /// Another process on the same database.
    pub(crate) other: Service,
    pub(crate) organization_id: String,
    /// The organization's name.
    pub(crate) organization: String,
    /// Secret of application 1.
    pub(crate) secret: String,
    pub(crate) api_key: String,
    _scratch: ScratchDatabase,
    _folder: tempfile::TempDir,
}

/// A process whose keys are in the folder.
pub(crate) fn process(db: Database, folder: &tempfile::TempDir) -> Service {
    build(Deps {
        db,
        keys: Keys::load(&folder.path().join("keys.json"), &SystemEntropy).unwrap(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        private_webhooks: true,
    })
}

pub(crate) async fn identity(scratch: ScratchDatabase) -> Identity {
    use secrecy::ExposeSecret;
    let folder = tempfile::tempdir().unwrap();
    let service = process(scratch.db.clone(), &folder);
    let other = process(scratch.reconnect().await, &folder);
    let mut stored = None;
    let store = |created: &MadeOrganization| {
        stored = Some((
            created.id.to_string(),
            created.organization.clone(),
            created.application_secret.clone(),
            created.api_key.expose_secret().to_owned(),
        ));
        Ok(())
    };
    service.first_organization("demo", store).await.unwrap();
    let (organization_id, organization, secret, api_key) = stored.unwrap();
    Identity {
        service,
        other,
        organization_id,
        organization,
        secret,
        api_key,
        _scratch: scratch,
        _folder: folder,
    }
}

/// The session of an outcome that must not be a rejection.
pub(crate) fn session_of(outcome: Outcome) -> wire::Session {
    match outcome {
        Outcome::Session(session) => session,
        Outcome::Refused(_) => panic!("rejected"),
    }
}

/// The contact's or visitor's id of a session.
pub(crate) fn id(session: &wire::Session) -> String {
    session.person.as_ref().unwrap().id.clone()
}

pub(crate) fn text(value: &str) -> Option<Value> {
    Some(Value { kind: Some(Kind::StringValue(value.to_owned())) })
}

/// A call by the organization's server.
pub(crate) fn server() -> Option<Actor> {
    Some(Actor { kind: ActorKind::ApiKey.into(), id: Uuid::from_u128(9).to_string() })
}

/// An owner as the gateway names one: identity doesn't check who may call.
pub(crate) fn owner() -> Option<Actor> {
    let id = Uuid::from_u128(1).to_string();
    Some(Actor { kind: ActorKind::Agent.into(), id })
}

impl Identity {
    pub(crate) fn processes(&self) -> [&Service; 2] {
        [&self.service, &self.other]
    }

    pub(crate) fn sessions(&self) -> SessionServiceClient<onethread_grpc::Peer> {
        SessionServiceClient::new(self.service.peer())
    }

    pub(crate) fn visitors(&self) -> VisitorServiceClient<onethread_grpc::Peer> {
        VisitorServiceClient::new(self.service.peer())
    }

    pub(crate) fn facts(&self) -> ConversationFactServiceClient<onethread_grpc::Peer> {
        ConversationFactServiceClient::new(self.service.peer())
    }

    pub(crate) fn contacts(&self) -> ContactServiceClient<onethread_grpc::Peer> {
        ContactServiceClient::new(self.service.peer())
    }

    /// An init; without a user id it is a visitor's.
    pub(crate) fn request(
        &self,
        user_id: Option<&str>,
        hash: Option<&str>,
        device: &str,
    ) -> wire::IdentifyRequest {
        wire::IdentifyRequest {
            organization_name: self.organization.clone(),
            application: Some(wire::identify_request::Application::NumberAndSecret(
                wire::ApplicationNumberAndSecret { number: 1, secret: self.secret.clone() },
            )),
            user: Some(wire::UserClaims {
                user_id: user_id.and_then(text),
                security_hash: hash.and_then(text),
                ..Default::default()
            }),
            device_token: device.to_owned(),
            context: None,
            origin: String::new(),
            client_address: String::new(),
        }
    }

    pub(crate) async fn identify(
        &self,
        user_id: Option<&str>,
        hash: Option<&str>,
        device: &str,
    ) -> Outcome {
        let request = self.request(user_id, hash, device);
        self.sessions().identify(request).await.unwrap().into_inner().outcome.unwrap()
    }

    /// An init that must not be rejected.
    pub(crate) async fn start_session(
        &self,
        user_id: Option<&str>,
        hash: Option<&str>,
        device: &str,
    ) -> wire::Session {
        session_of(self.identify(user_id, hash, device).await)
    }

    /// Sends all requests at once, alternately to the two processes.
    pub(crate) async fn identify_at_once(
        &self,
        requests: impl Iterator<Item = wire::IdentifyRequest>,
    ) -> Vec<Outcome> {
        let calls = requests.enumerate().map(|(n, request)| {
            let mut sessions = SessionServiceClient::new(self.processes()[n % 2].peer());
            tokio::spawn(async move { sessions.identify(request).await })
        });
        let answers = join_all(calls.collect::<Vec<_>>()).await.into_iter();
        answers.map(|answer| answer.unwrap().unwrap().into_inner().outcome.unwrap()).collect()
    }

    pub(crate) async fn authenticate(
        &self,
        credential: &str,
    ) -> Result<wire::AuthenticateResponse, Code> {
        let request =
            wire::AuthenticateRequest { credential: credential.to_owned(), ..Default::default() };
        let answer = self.sessions().authenticate(request).await;
        answer.map(tonic::Response::into_inner).map_err(|status| status.code())
    }

    /// Number of entries of an action in the audit log.
    pub(crate) async fn count_audited(&self, action: &str) -> usize {
        let page = onethread_core::PageSize::new(200).unwrap();
        let organization = self.organization_id.parse().unwrap();
        let entries = self.service.app.audit(organization, page, "").await.unwrap().0;
        entries.iter().filter(|entry| entry.action == action).count()
    }
}
