//! Agents, invitations and API keys on a real database, through the service's own calls.

use onethread_core::{Clock, SystemClock};
use onethread_errors::Reason;
use onethread_grpc::Peer;
use onethread_proto::identity::{
    self as wire, Agent, AgentRole, agent_service_client::AgentServiceClient,
    api_key_service_client::ApiKeyServiceClient,
    organization_service_client::OrganizationServiceClient,
};
use onethread_testing::ScratchDatabase;
use prost_types::FieldMask;
use tonic::{Code, Status};
use uuid::Uuid;

use super::{
    application_tests::owner,
    tests::{Identity, identity},
};
use crate::domain::tokens::{RandomToken, RandomUse};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    an_invitation_is_used_once_and_the_last_one_counts,
    an_invitation_that_is_too_old_is_refused,
    one_owner_stays_whoever_goes_at_once,
    a_reset_ends_logins_and_the_old_password,
    a_removed_agent_and_a_revoked_key_are_nobody,
    who_knows_the_password_changes_it_and_stays_in,
    whoever_runs_the_server_resets_a_password,
}

struct Stage {
    identity: Identity,
    of: String,
}

async fn stage(scratch: ScratchDatabase) -> Stage {
    let identity = identity(scratch).await;
    let of = identity.enter(None, None, "").await.organization_id;
    Stage { identity, of }
}

const PASSWORD: &str = "long enough";

impl Stage {
    fn agents(&self) -> AgentServiceClient<Peer> {
        AgentServiceClient::new(self.identity.service.peer())
    }

    async fn invite(&self, email: &str, role: AgentRole) -> Result<(Agent, String), Status> {
        let request = wire::CreateAgentRequest {
            organization_id: self.of.clone(),
            email: email.to_owned(),
            name: String::new(),
            role: role.into(),
            actor: owner(),
        };
        let made = self.agents().create_agent(request).await?.into_inner();
        Ok((made.agent.unwrap().agent.unwrap(), made.invite_token))
    }

    async fn accept(&self, token: &str, password: &str) -> Result<String, Code> {
        let (invite_token, password) = (token.to_owned(), password.to_owned());
        let request = wire::AcceptInvitationRequest { invite_token, password };
        let answer = self.agents().accept_invitation(request).await;
        answer.map(|login| login.into_inner().login.unwrap().token).map_err(|s| s.code())
    }

    /// Somebody who has come: the agent and the token of their login.
    async fn join(&self, email: &str, role: AgentRole) -> (Agent, String) {
        let (agent, token) = self.invite(email, role).await.unwrap();
        (agent, self.accept(&token, PASSWORD).await.unwrap())
    }

    async fn log_in(&self, email: &str, password: &str) -> Result<(), Code> {
        let request = wire::LoginRequest {
            organization: "demo".to_owned(),
            email: email.to_owned(),
            password: password.to_owned(),
        };
        let mut client = OrganizationServiceClient::new(self.identity.service.peer());
        client.login(request).await.map(drop).map_err(|status| status.code())
    }

    async fn list(&self) -> Vec<wire::ListedAgent> {
        let organization_id = self.of.clone();
        let request = wire::ListAgentsRequest { organization_id, ..Default::default() };
        self.agents().list_agents(request).await.unwrap().into_inner().agents
    }

    async fn demote(&self, process: Peer, id: &str) -> Result<(), Code> {
        let mut agent = Agent { id: id.to_owned(), ..Agent::default() };
        agent.set_role(AgentRole::Agent);
        let request = wire::UpdateAgentRequest {
            organization_id: self.of.clone(),
            agent: Some(agent),
            update_mask: Some(FieldMask { paths: vec!["role".to_owned()] }),
            actor: owner(),
        };
        let mut client = AgentServiceClient::new(process);
        client.update_agent(request).await.map(drop).map_err(|status| status.code())
    }

    async fn remove(&self, of: &str, id: &str) -> Result<(), Code> {
        let (organization_id, agent_id) = (of.to_owned(), id.to_owned());
        let request = wire::DeleteAgentRequest { organization_id, agent_id, actor: owner() };
        self.agents().delete_agent(request).await.map(drop).map_err(|status| status.code())
    }
}

async fn an_invitation_is_used_once_and_the_last_one_counts(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    let (first, old) = stage.invite("Ann@Example.com", AgentRole::Owner).await.unwrap();
    let (again, token) = stage.invite("ann@example.com", AgentRole::Agent).await.unwrap();
    assert_eq!((&first.id, &*again.name, again.role()), (&again.id, "ann", AgentRole::Agent));
    assert_eq!(stage.log_in("ann@example.com", "").await, Err(Code::Unauthenticated));
    assert!(stage.list().await.iter().any(|one| one.invited));
    assert_eq!(stage.accept(&old, PASSWORD).await, Err(Code::Unauthenticated));
    assert_eq!(stage.accept(&token, "short").await, Err(Code::InvalidArgument));
    let tries = (0..4).map(|_| stage.accept(&token, PASSWORD));
    let came = futures::future::join_all(tries).await;
    let came: Vec<_> = came.into_iter().filter_map(Result::ok).collect();
    assert_eq!(came.len(), 1);
    assert!(stage.identity.authenticate(&came[0]).await.is_ok());
    assert_eq!(stage.accept(&token, PASSWORD).await, Err(Code::Unauthenticated));
    assert_eq!(stage.log_in("ANN@example.com", PASSWORD).await, Ok(()));
    assert!(stage.list().await.iter().all(|one| !one.invited));
    let taken = stage.invite("ann@example.com", AgentRole::Agent).await.unwrap_err();
    assert_eq!(taken.code(), Code::AlreadyExists);
    for bad in ["nowhere", "a\0@example.com"] {
        let refused = stage.invite(bad, AgentRole::Agent).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{bad}");
    }
}

async fn an_invitation_that_is_too_old_is_refused(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    let (_, text) = stage.invite("ann@example.com", AgentRole::Agent).await.unwrap();
    let app = &stage.identity.service.app;
    let token = || RandomToken::read(RandomUse::Invitation, &text).unwrap();
    let (_, login) = RandomToken::generate(
        RandomUse::Login,
        token().organization_id,
        &onethread_core::SystemEntropy,
    );
    let week = std::time::Duration::from_secs(7 * 24 * 3600);
    let late = SystemClock.now().plus(week);
    assert!(!app.is_invitation_valid(&token(), late).await.unwrap());
    let accepted = app.use_invitation(&token(), "hash", (&login, late), late).await;
    assert_eq!(accepted.err().unwrap().reason, Reason::InvitationRefused);
    assert!(stage.accept(&text, PASSWORD).await.is_ok(), "within the week it is good");
}

async fn one_owner_stays_whoever_goes_at_once(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    let first = stage.list().await[0].agent.clone().unwrap().id;
    assert_eq!(
        stage.demote(stage.identity.service.peer(), &first).await,
        Err(Code::FailedPrecondition)
    );
    assert_eq!(stage.remove(&stage.of, &first).await, Err(Code::FailedPrecondition));
    // Who has not come yet can't run anything.
    stage.invite("late@example.com", AgentRole::Owner).await.unwrap();
    assert_eq!(stage.remove(&stage.of, &first).await, Err(Code::FailedPrecondition));
    let (second, _) = stage.join("ann@example.com", AgentRole::Owner).await;
    let (one, other) = tokio::join!(
        stage.demote(stage.identity.service.peer(), &first),
        stage.demote(stage.identity.other.peer(), &second.id),
    );
    let mut both = [one, other];
    both.sort_by_key(Result::is_err);
    assert_eq!(both, [Ok(()), Err(Code::FailedPrecondition)]);
}

async fn a_reset_ends_logins_and_the_old_password(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    let (ann, login) = stage.join("ann@example.com", AgentRole::Agent).await;
    let reset = wire::ResetAgentRequest {
        organization_id: stage.of.clone(),
        agent_id: ann.id.clone(),
        actor: owner(),
    };
    let reset = stage.agents().reset_agent(reset).await.unwrap().into_inner();
    assert_eq!(stage.identity.authenticate(&login).await.unwrap_err(), Code::Unauthenticated);
    assert_eq!(stage.log_in("ann@example.com", PASSWORD).await, Err(Code::Unauthenticated));
    stage.accept(&reset.invite_token, "another one").await.unwrap();
    assert_eq!(stage.log_in("ann@example.com", "another one").await, Ok(()));
}

async fn a_removed_agent_and_a_revoked_key_are_nobody(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    let (ann, login) = stage.join("ann@example.com", AgentRole::Agent).await;
    let foreign = Uuid::from_u128(9).to_string();
    assert_eq!(stage.remove(&foreign, &ann.id).await, Err(Code::NotFound));
    assert_eq!(stage.remove(&stage.of, &ann.id).await, Ok(()));
    assert_eq!(stage.remove(&stage.of, &ann.id).await, Err(Code::NotFound));
    assert_eq!(stage.identity.authenticate(&login).await.unwrap_err(), Code::Unauthenticated);

    let mut keys = ApiKeyServiceClient::new(stage.identity.service.peer());
    let request = wire::CreateApiKeyRequest {
        organization_id: stage.of.clone(),
        name: "shop".to_owned(),
        actor: owner(),
    };
    let made = keys.create_api_key(request).await.unwrap().into_inner();
    assert!(stage.identity.authenticate(&made.secret).await.is_ok());
    let id = made.api_key.unwrap().id;
    let organization_id = stage.of.clone();
    let request = wire::ListApiKeysRequest { organization_id, page_size: 1, ..Default::default() };
    let page = keys.list_api_keys(request).await.unwrap().into_inner();
    assert!(page.api_keys.len() == 1 && !page.next_page_token.is_empty());
    let revoke = |of: &str| wire::DeleteApiKeyRequest {
        organization_id: of.to_owned(),
        api_key_id: id.clone(),
        actor: owner(),
    };
    let away = keys.delete_api_key(revoke(&foreign)).await.unwrap_err();
    assert_eq!(away.code(), Code::NotFound);
    keys.delete_api_key(revoke(&stage.of)).await.unwrap();
    assert_eq!(stage.identity.authenticate(&made.secret).await.unwrap_err(), Code::Unauthenticated);

    // Both stand in the feed that ends their streams.
    let store = &stage.identity.service.app.store;
    let told = store.revocations(onethread_core::Timestamp::from_micros(1)).await.unwrap();
    for gone in [&ann.id, &id] {
        assert!(told.iter().any(|entry| entry.subject_id.to_string() == *gone), "{gone}");
    }
}

impl Stage {
    async fn change(&self, token: &str, password: &str, new: &str) -> Result<(), Status> {
        let request = wire::ChangePasswordRequest {
            token: token.to_owned(),
            password: password.to_owned(),
            new_password: new.to_owned(),
        };
        self.agents().change_password(request).await.map(drop)
    }

    async fn actions(&self, subject: &str) -> Vec<(String, wire::ActorKind)> {
        let request = wire::ListAuditEntriesRequest {
            organization_id: self.of.clone(),
            ..wire::ListAuditEntriesRequest::default()
        };
        let mut client = OrganizationServiceClient::new(self.identity.service.peer());
        let entries = client.list_audit_entries(request).await.unwrap().into_inner().entries;
        let of = entries.into_iter().filter(|entry| entry.subject == subject);
        of.map(|entry| (entry.action, entry.actor.unwrap().kind())).collect()
    }
}

async fn who_knows_the_password_changes_it_and_stays_in(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    let (ann, login) = stage.join("ann@example.com", AgentRole::Agent).await;
    let (_, other_login) = stage.join("bob@example.com", AgentRole::Agent).await;
    let request = wire::LoginRequest {
        organization: "demo".to_owned(),
        email: "ann@example.com".to_owned(),
        password: PASSWORD.to_owned(),
    };
    let mut client = OrganizationServiceClient::new(stage.identity.other.peer());
    let elsewhere = client.login(request).await.unwrap().into_inner().token;
    let code = |done: Result<(), Status>| done.map_err(|status| status.code());
    for (token, password, new, refused) in [
        (&*login, "wrong", "another one", Code::InvalidArgument),
        (&*login, &*"x".repeat(1025), "another one", Code::InvalidArgument),
        (&*login, PASSWORD, "short", Code::InvalidArgument),
        ("nonsense", PASSWORD, "another one", Code::Unauthenticated),
        (&*stage.identity.api_key, PASSWORD, "another one", Code::Unauthenticated),
    ] {
        assert_eq!(code(stage.change(token, password, new).await), Err(refused));
    }
    assert_eq!(stage.log_in("ann@example.com", PASSWORD).await, Ok(()));

    assert_eq!(code(stage.change(&login, PASSWORD, "another one").await), Ok(()));
    assert!(stage.identity.authenticate(&login).await.is_ok());
    assert!(stage.identity.authenticate(&other_login).await.is_ok());
    assert_eq!(stage.identity.authenticate(&elsewhere).await.unwrap_err(), Code::Unauthenticated);
    assert_eq!(stage.log_in("ann@example.com", PASSWORD).await, Err(Code::Unauthenticated));
    assert_eq!(stage.log_in("ann@example.com", "another one").await, Ok(()));
    let agent = wire::ActorKind::Agent;
    assert_eq!(stage.actions(&ann.id).await[0], ("agent.password".to_owned(), agent));

    // Of two changes at once one counts.
    let (one, two) = tokio::join!(
        stage.change(&login, "another one", "the first one"),
        stage.change(&login, "another one", "the second one"),
    );
    assert!(one.is_ok() != two.is_ok());
    let now = if one.is_ok() { "the first one" } else { "the second one" };
    assert_eq!(stage.log_in("ann@example.com", now).await, Ok(()));
}

async fn whoever_runs_the_server_resets_a_password(scratch: ScratchDatabase) {
    use secrecy::ExposeSecret;
    let stage = stage(scratch).await;
    let db = stage.identity.service.db.clone();
    let reset = async |organization: &str, email: &str| {
        let entropy = std::sync::Arc::new(onethread_core::SystemEntropy);
        let reset = crate::team::app::reset_password(
            db.clone(),
            &SystemClock,
            entropy,
            organization,
            email,
        );
        reset.await.unwrap()
    };
    for (organization, email) in
        [("demo", "nobody@demo.example"), ("other", "owner@demo.example"), ("a\0b", "a\0b")]
    {
        assert!(reset(organization, email).await.is_none(), "{organization} {email}");
    }
    // The only owner, whom nobody else could reset.
    let owner = stage.list().await[0].agent.clone().unwrap();
    let first = reset("demo", "Owner@demo.example").await.unwrap();
    assert_eq!(stage.log_in("owner@demo.example", first.expose_secret()).await, Ok(()));
    let request = wire::LoginRequest {
        organization: "demo".to_owned(),
        email: owner.email.clone(),
        password: first.expose_secret().to_owned(),
    };
    let mut client = OrganizationServiceClient::new(stage.identity.service.peer());
    let login = client.login(request).await.unwrap().into_inner().token;
    let second = reset("demo", "owner@demo.example").await.unwrap();
    assert_ne!(first.expose_secret(), second.expose_secret());
    assert_eq!(stage.identity.authenticate(&login).await.unwrap_err(), Code::Unauthenticated);
    let was = stage.log_in("owner@demo.example", first.expose_secret()).await;
    assert_eq!(was, Err(Code::Unauthenticated));
    let operator = wire::ActorKind::Operator;
    let done = ("agent.password".to_owned(), operator);
    assert_eq!(stage.actions(&owner.id).await, [done.clone(), done]);

    // Who was only invited is in by it, and the invitation is used up.
    let (_, token) = stage.invite("ann@example.com", AgentRole::Agent).await.unwrap();
    let password = reset("demo", "ann@example.com").await.unwrap();
    assert_eq!(stage.log_in("ann@example.com", password.expose_secret()).await, Ok(()));
    assert_eq!(stage.accept(&token, PASSWORD).await, Err(Code::Unauthenticated));
}
