//! What one organization has is out of every other's reach, and an id tells nothing.

use onethread_proto::{
    contactimport::{GetImportRequest, import_service_client::ImportServiceClient},
    conversation::{
        GetConversationRequest, ListMessagesRequest, Side,
        conversation_service_client::ConversationServiceClient,
    },
    identity::{GetContactRequest, contact_service_client::ContactServiceClient},
};
use onethread_tests::{Reply, Stage, channel};
use reqwest::Method;
use serde_json::{Value, json};
use tonic::{Code, Status};

#[tokio::test]
async fn an_unknown_id_is_one_and_the_same_404() {
    let stage = Stage::new().await;
    let agent = stage.agent().await;
    let message = json!({"clientMessageId": stage.chance.uuid(), "text": "hi"});
    let mut bodies = Vec::new();
    let ids = [
        stage.chance.uuid().to_string(),
        stage.chance.uuid().to_string(),
        "no-uuid".to_owned(),
        "%00".to_owned(),
    ];
    for id in ids {
        for path in [
            "conversations",
            "conversations/messages",
            "contacts",
            "imports",
            "imports/rejected.csv",
            "imports/events",
        ] {
            let path = match path.split_once('/') {
                Some((what, part)) => format!("/v1/{what}/{id}/{part}"),
                None => format!("/v1/{path}/{id}"),
            };
            bodies.push(agent.api.get(&path).await.problem(404, "not-found"));
        }
        let path = format!("/v1/conversations/{id}");
        let sent = agent.api.post(&format!("{path}/messages"), &message).await;
        bodies.push(sent.problem(404, "not-found"));
        let read = agent.api.post(&format!("{path}/read"), &json!({"seq": 1})).await;
        bodies.push(read.problem(404, "not-found"));
        for call in ["apply", "cancel"] {
            let request = agent.api.request(Method::POST, &format!("/v1/imports/{id}/{call}"));
            let reply = Reply::of(request.json(&json!({"mapping": {}}))).await;
            bodies.push(reply.problem(404, "not-found"));
        }
    }
    for body in &mut bodies {
        body["traceId"] = Value::Null;
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:#?}");
}

#[tokio::test]
async fn a_visitor_or_contact_is_no_agent() {
    let stage = Stage::new().await;
    let known = stage.open(&json!({"user_id": "u"})).await;
    known.say("hello").await;
    let visitor = stage.open(&json!({})).await;
    for widget in [known, visitor] {
        let id = widget.contact_id();
        for path in [
            "/v1/conversations".to_owned(),
            format!("/v1/conversations/{id}"),
            format!("/v1/contacts/{id}"),
            "/v1/contacts".to_owned(),
            "/v1/imports".to_owned(),
            "/v1/events".to_owned(),
        ] {
            widget.api.get(&path).await.problem(403, "forbidden");
        }
        let upload =
            widget.api.request(Method::POST, "/v1/imports").header("content-type", "text/csv");
        Reply::of(upload.body("user_id\nx\n")).await.problem(403, "forbidden");
    }
    // Nor is an agent a contact.
    let agent = stage.agent().await;
    let key = stage.api.with_token(stage.bootstrap["apiKey"].as_str().unwrap());
    for api in [agent.api, key] {
        api.get("/widget/v1/messages").await.problem(401, "session-ended");
    }
    stage.api.get("/v1/contacts").await.problem(401, "session-ended");
    stage.api.with_token("nonsense").get("/v1/contacts").await.problem(401, "session-ended");
}

/// All that a caller learns from a refusal.
fn told(status: &Status) -> (Code, String, Vec<u8>) {
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

#[tokio::test]
async fn a_foreign_organization_sees_what_an_unknown_id_shows() {
    let stage = Stage::new().await;
    let uma = stage.open(&json!({"user_id": "u"})).await;
    uma.say("hello").await;
    let agent = stage.agent().await;
    let import = crate::imports::import(&agent, "user_id\nv\n").await;
    let import = import["id"].as_str().unwrap();
    let foreign = stage.chance.uuid().to_string();
    let unknown = stage.chance.uuid().to_string();

    let identity = channel(stage.server.address("identity")).await;
    let conversation = channel(stage.server.address("conversation")).await;
    let imports = channel(stage.server.address("contactImport")).await;
    let contact = async |organization: &str, id: &str| {
        let request =
            GetContactRequest { organization_id: organization.into(), contact_id: id.into() };
        told(&ContactServiceClient::new(identity.clone()).get_contact(request).await.unwrap_err())
    };
    let thread = async |organization: &str, id: &str| {
        let request = GetConversationRequest {
            organization_id: organization.into(),
            conversation_id: id.into(),
            side: Side::Agent.into(),
        };
        let mut client = ConversationServiceClient::new(conversation.clone());
        told(&client.get_conversation(request).await.unwrap_err())
    };
    let messages = async |organization: &str, id: &str| {
        let request = ListMessagesRequest {
            organization_id: organization.into(),
            conversation_id: id.into(),
            side: Side::Agent.into(),
            page_size: 0,
            position: None,
        };
        let mut client = ConversationServiceClient::new(conversation.clone());
        told(&client.list_messages(request).await.unwrap_err())
    };
    let job = async |organization: &str, id: &str| {
        let request =
            GetImportRequest { organization_id: organization.into(), import_id: id.into() };
        told(&ImportServiceClient::new(imports.clone()).get_import(request).await.unwrap_err())
    };
    let id = uma.contact_id();
    for (seen, not_there) in [
        (contact(&foreign, id).await, contact(&foreign, &unknown).await),
        (thread(&foreign, id).await, thread(&foreign, &unknown).await),
        (messages(&foreign, id).await, messages(&foreign, &unknown).await),
        (job(&foreign, import).await, job(&foreign, &unknown).await),
    ] {
        assert_eq!(seen.0, Code::NotFound);
        assert_eq!(seen, not_there);
    }
}
