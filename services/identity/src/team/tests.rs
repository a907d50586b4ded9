//! Agents, invitations and API keys on a real database, through the service's own calls.

use onethread_core::{Clock, SystemClock};
use onethread_errors::Reason;
use onethread_grpc::Peer;
use onethread_proto::{
    common::ActorKind,
    identity::{
        self as wire, Agent, AgentRole, agent_service_client::AgentServiceClient,
        api_key_service_client::ApiKeyServiceClient, audit_service_client::AuditServiceClient,
        session_service_client::SessionServiceClient,
    },
};
use onethread_testing::ScratchDatabase;
use prost_types::FieldMask;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    domain::tokens::{RandomToken, RandomUse},
    session::store::revocations,
    testing::{Identity, identity, owner},
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    only_the_last_invitation_is_valid_and_only_once,
    an_expired_invitation_is_rejected,
    the_last_owner_stays_when_owners_leave_at_once,
    a_reset_revokes_logins_and_the_old_password,
    a_removed_agent_and_a_revoked_key_are_rejected,
    an_agent_changes_the_password_and_stays_logged_in,
    the_operator_resets_a_password,
    logins_and_wrong_passwords_are_audited,
}

struct Team {
    identity: Identity,
}

const PASSWORD: &str = "long enough";

impl Team {
    fn agents(&self) -> AgentServiceClient<Peer> {
        AgentServiceClient::new(self.identity.service.peer())
    }

    async fn invite(&self, email: &str, role: AgentRole) -> Result<(Agent, String), Status> {
        let request = wire::CreateAgentRequest {
            organization_id: self.identity.organization_id.clone(),
            email: email.to_owned(),
            name: String::new(),
            role: role.into(),
            actor: owner(),
        };
        let created = self.agents().create_agent(request).await?.into_inner();
        Ok((created.agent.unwrap(), created.invitation_token))
    }

    async fn accept(&self, token: &str, password: &str) -> Result<String, Code> {
        let (invitation_token, password) = (token.to_owned(), password.to_owned());
        let request = wire::AcceptInvitationRequest { invitation_token, password };
        let answer = self.agents().accept_invitation(request).await;
        answer.map(|login| login.into_inner().session.unwrap().token).map_err(|s| s.code())
    }

    /// An agent who has accepted an invitation, and the token of their login.
    async fn join(&self, email: &str, role: AgentRole) -> (Agent, String) {
        let (agent, token) = self.invite(email, role).await.unwrap();
        (agent, self.accept(&token, PASSWORD).await.unwrap())
    }

    async fn log_in(&self, email: &str, password: &str) -> Result<(), Code> {
        let request = wire::LoginAgentRequest {
            organization_name: "demo".to_owned(),
            email: email.to_owned(),
            password: password.to_owned(),
        };
        let mut client = SessionServiceClient::new(self.identity.service.peer());
        client.login_agent(request).await.map(drop).map_err(|status| status.code())
    }

    async fn list(&self) -> Vec<Agent> {
        let organization_id = self.identity.organization_id.clone();
        let request = wire::ListAgentsRequest { organization_id, ..Default::default() };
        self.agents().list_agents(request).await.unwrap().into_inner().agents
    }

    async fn demote(&self, process: Peer, id: &str) -> Result<(), Code> {
        let mut agent = Agent { id: id.to_owned(), ..Agent::default() };
        agent.set_role(AgentRole::Agent);
        let request = wire::UpdateAgentRequest {
            organization_id: self.identity.organization_id.clone(),
            agent: Some(agent),
            update_mask: Some(FieldMask { paths: vec!["role".to_owned()] }),
            actor: owner(),
        };
        let mut client = AgentServiceClient::new(process);
        client.update_agent(request).await.map(drop).map_err(|status| status.code())
    }

    async fn remove(&self, organization: &str, id: &str) -> Result<(), Code> {
        let (organization_id, agent_id) = (organization.to_owned(), id.to_owned());
        let request = wire::DeleteAgentRequest { organization_id, agent_id, actor: owner() };
        self.agents().delete_agent(request).await.map(drop).map_err(|status| status.code())
    }
}

async fn only_the_last_invitation_is_valid_and_only_once(scratch: ScratchDatabase) {
    let team = Team { identity: identity(scratch).await };
    let (first, old) = team.invite("Ann@Example.com", AgentRole::Owner).await.unwrap();
    let (again, token) = team.invite("ann@example.com", AgentRole::Agent).await.unwrap();
    assert_eq!((&first.id, &*again.name, again.role()), (&again.id, "ann", AgentRole::Agent));
    assert_eq!(team.log_in("ann@example.com", "").await, Err(Code::Unauthenticated));
    assert!(team.list().await.iter().any(|one| one.invited));
    assert_eq!(team.accept(&old, PASSWORD).await, Err(Code::Unauthenticated));
    assert_eq!(team.accept(&token, "short").await, Err(Code::InvalidArgument));
    let attempts = (0..4).map(|_| team.accept(&token, PASSWORD));
    let accepted = futures::future::join_all(attempts).await;
    let accepted: Vec<_> = accepted.into_iter().filter_map(Result::ok).collect();
    assert_eq!(accepted.len(), 1);
    assert!(team.identity.authenticate(&accepted[0]).await.is_ok());
    assert_eq!(team.accept(&token, PASSWORD).await, Err(Code::Unauthenticated));
    assert_eq!(team.log_in("ANN@example.com", PASSWORD).await, Ok(()));
    assert!(team.list().await.iter().all(|one| !one.invited));
    let duplicate = team.invite("ann@example.com", AgentRole::Agent).await.unwrap_err();
    assert_eq!(duplicate.code(), Code::AlreadyExists);
    for invalid in ["nowhere", "a\0@example.com"] {
        let rejected = team.invite(invalid, AgentRole::Agent).await.unwrap_err();
        assert_eq!(rejected.code(), Code::InvalidArgument, "{invalid}");
    }
}

async fn an_expired_invitation_is_rejected(scratch: ScratchDatabase) {
    let team = Team { identity: identity(scratch).await };
    let (_, text) = team.invite("ann@example.com", AgentRole::Agent).await.unwrap();
    let app = &team.identity.service.app;
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
    assert!(team.accept(&text, PASSWORD).await.is_ok(), "it is valid for a week");
}

async fn the_last_owner_stays_when_owners_leave_at_once(scratch: ScratchDatabase) {
    let team = Team { identity: identity(scratch).await };
    let first = team.list().await[0].id.clone();
    assert_eq!(
        team.demote(team.identity.service.peer(), &first).await,
        Err(Code::FailedPrecondition)
    );
    assert_eq!(
        team.remove(&team.identity.organization_id, &first).await,
        Err(Code::FailedPrecondition)
    );
    // An invited owner who has not accepted is not counted.
    team.invite("late@example.com", AgentRole::Owner).await.unwrap();
    assert_eq!(
        team.remove(&team.identity.organization_id, &first).await,
        Err(Code::FailedPrecondition)
    );
    let (second, _) = team.join("ann@example.com", AgentRole::Owner).await;
    let (one, other) = tokio::join!(
        team.demote(team.identity.service.peer(), &first),
        team.demote(team.identity.other.peer(), &second.id),
    );
    let mut both = [one, other];
    both.sort_by_key(Result::is_err);
    assert_eq!(both, [Ok(()), Err(Code::FailedPrecondition)]);
}

async fn a_reset_revokes_logins_and_the_old_password(scratch: ScratchDatabase) {
    let team = Team { identity: identity(scratch).await };
    let (ann, login) = team.join("ann@example.com", AgentRole::Agent).await;
    let reset = wire::ResetAgentPasswordRequest {
        organization_id: team.identity.organization_id.clone(),
        agent_id: ann.id.clone(),
        actor: owner(),
    };
    let reset = team.agents().reset_agent_password(reset).await.unwrap().into_inner();
    assert_eq!(team.identity.authenticate(&login).await.unwrap_err(), Code::Unauthenticated);
    assert_eq!(team.log_in("ann@example.com", PASSWORD).await, Err(Code::Unauthenticated));
    team.accept(&reset.invitation_token, "another one").await.unwrap();
    assert_eq!(team.log_in("ann@example.com", "another one").await, Ok(()));
}

async fn a_removed_agent_and_a_revoked_key_are_rejected(scratch: ScratchDatabase) {
    let team = Team { identity: identity(scratch).await };
    let (ann, login) = team.join("ann@example.com", AgentRole::Agent).await;
    let foreign = Uuid::from_u128(9).to_string();
    assert_eq!(team.remove(&foreign, &ann.id).await, Err(Code::NotFound));
    assert_eq!(team.remove(&team.identity.organization_id, &ann.id).await, Ok(()));
    assert_eq!(team.remove(&team.identity.organization_id, &ann.id).await, Err(Code::NotFound));
    assert_eq!(team.identity.authenticate(&login).await.unwrap_err(), Code::Unauthenticated);

    let mut keys = ApiKeyServiceClient::new(team.identity.service.peer());
    let request = wire::CreateApiKeyRequest {
        organization_id: team.identity.organization_id.clone(),
        name: "shop".to_owned(),
        actor: owner(),
        request_id: String::new(),
    };
    let created = keys.create_api_key(request).await.unwrap().into_inner();
    assert!(team.identity.authenticate(&created.secret).await.is_ok());
    let id = created.api_key.unwrap().id;
    let organization_id = team.identity.organization_id.clone();
    let request = wire::ListApiKeysRequest { organization_id, page_size: 1, ..Default::default() };
    let page = keys.list_api_keys(request).await.unwrap().into_inner();
    assert!(page.api_keys.len() == 1 && !page.next_page_token.is_empty());
    let revoke = |organization: &str| wire::DeleteApiKeyRequest {
        organization_id: organization.to_owned(),
        api_key_id: id.clone(),
        actor: owner(),
    };
    let rejected = keys.delete_api_key(revoke(&foreign)).await.unwrap_err();
    assert_eq!(rejected.code(), Code::NotFound);
    keys.delete_api_key(revoke(&team.identity.organization_id)).await.unwrap();
    assert_eq!(
        team.identity.authenticate(&created.secret).await.unwrap_err(),
        Code::Unauthenticated
    );

    // Both are in the feed of revocations.
    let mut conn = team.identity.service.app.db.reader("test").await.unwrap();
    let since = onethread_core::Timestamp::from_micros(1);
    let revocations = revocations::since(&mut conn, since).await.unwrap();
    for gone in [&ann.id, &id] {
        assert!(revocations.iter().any(|entry| entry.subject_id.to_string() == *gone), "{gone}");
    }
}

impl Team {
    async fn change(&self, token: &str, password: &str, new: &str) -> Result<(), Status> {
        let request = wire::ChangePasswordRequest {
            token: token.to_owned(),
            password: password.to_owned(),
            new_password: new.to_owned(),
        };
        self.agents().change_password(request).await.map(drop)
    }

    async fn actions(&self, subject: &str) -> Vec<(String, ActorKind)> {
        let request = wire::ListAuditEntriesRequest {
            organization_id: self.identity.organization_id.clone(),
            ..wire::ListAuditEntriesRequest::default()
        };
        let mut client = AuditServiceClient::new(self.identity.service.peer());
        let entries = client.list_audit_entries(request).await.unwrap().into_inner().entries;
        // Logins are in the log as well.
        let is_change = |action: &str| !action.starts_with("agent.login");
        let of = entries.into_iter().filter(|entry| entry.subject == subject);
        let of = of.filter(|entry| is_change(&entry.action));
        of.map(|entry| (entry.action, entry.actor.unwrap().kind())).collect()
    }
}

async fn an_agent_changes_the_password_and_stays_logged_in(scratch: ScratchDatabase) {
    let team = Team { identity: identity(scratch).await };
    let (ann, login) = team.join("ann@example.com", AgentRole::Agent).await;
    let (_, other_login) = team.join("bob@example.com", AgentRole::Agent).await;
    let request = wire::LoginAgentRequest {
        organization_name: "demo".to_owned(),
        email: "ann@example.com".to_owned(),
        password: PASSWORD.to_owned(),
    };
    let mut client = SessionServiceClient::new(team.identity.other.peer());
    let elsewhere = client.login_agent(request).await.unwrap().into_inner().session.unwrap().token;
    let code = |done: Result<(), Status>| done.map_err(|status| status.code());
    for (token, password, new, rejected) in [
        (&*login, "wrong", "another one", Code::InvalidArgument),
        (&*login, &*"x".repeat(1025), "another one", Code::InvalidArgument),
        (&*login, PASSWORD, "short", Code::InvalidArgument),
        ("nonsense", PASSWORD, "another one", Code::Unauthenticated),
        (&*team.identity.api_key, PASSWORD, "another one", Code::Unauthenticated),
    ] {
        assert_eq!(code(team.change(token, password, new).await), Err(rejected));
    }
    assert_eq!(team.log_in("ann@example.com", PASSWORD).await, Ok(()));

    assert_eq!(code(team.change(&login, PASSWORD, "another one").await), Ok(()));
    assert!(team.identity.authenticate(&login).await.is_ok());
    assert!(team.identity.authenticate(&other_login).await.is_ok());
    assert_eq!(team.identity.authenticate(&elsewhere).await.unwrap_err(), Code::Unauthenticated);
    assert_eq!(team.log_in("ann@example.com", PASSWORD).await, Err(Code::Unauthenticated));
    assert_eq!(team.log_in("ann@example.com", "another one").await, Ok(()));
    let agent = ActorKind::Agent;
    assert_eq!(team.actions(&ann.id).await[0], ("agent.password".to_owned(), agent));

    // Of two changes at once one succeeds.
    let (one, two) = tokio::join!(
        team.change(&login, "another one", "the first one"),
        team.change(&login, "another one", "the second one"),
    );
    assert!(one.is_ok() != two.is_ok());
    let now = if one.is_ok() { "the first one" } else { "the second one" };
    assert_eq!(team.log_in("ann@example.com", now).await, Ok(()));
}

async fn the_operator_resets_a_password(scratch: ScratchDatabase) {
    use secrecy::ExposeSecret;
    let team = Team { identity: identity(scratch).await };
    let db = team.identity.service.db.clone();
    let reset = async |organization: &str, email: &str| {
        let entropy = std::sync::Arc::new(onethread_core::SystemEntropy);
        let reset = crate::team::app::password_change::reset_password(
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
    // The only owner can reset the password without another owner.
    let owner = team.list().await.remove(0);
    let first = reset("demo", "Owner@demo.example").await.unwrap();
    assert_eq!(team.log_in("owner@demo.example", first.expose_secret()).await, Ok(()));
    let request = wire::LoginAgentRequest {
        organization_name: "demo".to_owned(),
        email: owner.email.clone(),
        password: first.expose_secret().to_owned(),
    };
    let mut client = SessionServiceClient::new(team.identity.service.peer());
    let login = client.login_agent(request).await.unwrap().into_inner().session.unwrap().token;
    let second = reset("demo", "owner@demo.example").await.unwrap();
    assert_ne!(first.expose_secret(), second.expose_secret());
    assert_eq!(team.identity.authenticate(&login).await.unwrap_err(), Code::Unauthenticated);
    let was = team.log_in("owner@demo.example", first.expose_secret()).await;
    assert_eq!(was, Err(Code::Unauthenticated));
    let operator = ActorKind::Operator;
    let done = ("agent.password".to_owned(), operator);
    assert_eq!(team.actions(&owner.id).await, [done.clone(), done]);

    // An invited agent gets a password by it, and the invitation becomes invalid.
    let (_, token) = team.invite("ann@example.com", AgentRole::Agent).await.unwrap();
    let password = reset("demo", "ann@example.com").await.unwrap();
    assert_eq!(team.log_in("ann@example.com", password.expose_secret()).await, Ok(()));
    assert_eq!(team.accept(&token, PASSWORD).await, Err(Code::Unauthenticated));
}

async fn logins_and_wrong_passwords_are_audited(scratch: ScratchDatabase) {
    let team = Team { identity: identity(scratch).await };
    team.join("ann@example.com", AgentRole::Agent).await;
    team.log_in("ann@example.com", PASSWORD).await.unwrap();
    assert_eq!(team.identity.count_audited("agent.login").await, 1);
    for email in ["ann@example.com", "nobody@example.com"] {
        assert_eq!(team.log_in(email, "wrong").await, Err(Code::Unauthenticated));
    }
    // It is written in the background.
    while team.identity.count_audited("agent.login-failed").await == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(team.identity.count_audited("agent.login-failed").await, 1);
}
