//! Organizations can't access each other's data, and foreign ids look like unknown ones.

use onethread_proto::{
    contactimport::{GetImportRequest, import_service_client::ImportServiceClient},
    conversation::{
        GetConversationRequest, ListMessagesRequest, ListMessagesResponse, Side,
        conversation_service_client::ConversationServiceClient,
    },
    identity::{GetContactRequest, contact_service_client::ContactServiceClient},
};
use onethread_tests::{ApiResponse, TestServer, channel, documented_operations};
use reqwest::Method;
use serde_json::{Value, json};
use tonic::{Code, Status};

#[tokio::test]
async fn foreign_and_unknown_ids_get_the_same_404() {
    let server = TestServer::new().await;
    let agent = server.log_in_owner().await;
    let message = json!({"clientMessageId": server.random.uuid(), "text": "hi"});
    let mut bodies = Vec::new();
    let ids = [
        server.random.uuid().to_string(),
        server.random.uuid().to_string(),
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
            bodies.push(agent.api.get(&path).await.expect_problem(404, "not-found"));
        }
        let path = format!("/v1/conversations/{id}");
        let sent = agent.api.post(&format!("{path}/messages"), &message).await;
        bodies.push(sent.expect_problem(404, "not-found"));
        let read = agent.api.post(&format!("{path}/read"), &json!({"seq": 1})).await;
        bodies.push(read.expect_problem(404, "not-found"));
        for call in ["apply", "cancel"] {
            let request = agent.api.request(Method::POST, &format!("/v1/imports/{id}/{call}"));
            let reply = ApiResponse::send(request.json(&json!({"mapping": {}}))).await;
            bodies.push(reply.expect_problem(404, "not-found"));
        }
    }
    for body in &mut bodies {
        body["traceId"] = Value::Null;
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:#?}");
}

#[tokio::test]
async fn visitors_and_contacts_cannot_make_agents_calls() {
    let server = TestServer::new().await;
    let known = server.start_session(&json!({"user_id": "u"})).await;
    known.send("hello").await;
    let visitor = server.start_session(&json!({})).await;
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
            widget.api.get(&path).await.expect_problem(403, "forbidden");
        }
        let upload =
            widget.api.request(Method::POST, "/v1/imports").header("content-type", "text/csv");
        ApiResponse::send(upload.body("user_id\nx\n")).await.expect_problem(403, "forbidden");
    }
    // Agents can't make the calls of contacts either.
    let agent = server.log_in_owner().await;
    let key = server.api.with_token(server.bootstrap["apiKey"].as_str().unwrap());
    for api in [agent.api, key] {
        api.get("/widget/v1/messages").await.expect_problem(401, "session-ended");
    }
    server.api.get("/v1/contacts").await.expect_problem(401, "session-ended");
    server
        .api
        .with_token("nonsense")
        .get("/v1/contacts")
        .await
        .expect_problem(401, "session-ended");
}

/// Returns the parts of a status that a caller sees.
fn content(status: &Status) -> (Code, String, Vec<u8>) {
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

#[tokio::test]
async fn over_grpc_foreign_and_unknown_ids_get_the_same_status() {
    let server = TestServer::new().await;
    let uma = server.start_session(&json!({"user_id": "u"})).await;
    uma.send("hello").await;
    let agent = server.log_in_owner().await;
    let import = crate::imports::import(&agent, "user_id\nv\n").await;
    let import = import["id"].as_str().unwrap();
    let foreign = server.random.uuid().to_string();
    let unknown = server.random.uuid().to_string();

    let identity = channel(server.process.address("identity")).await;
    let conversation = channel(server.process.address("conversation")).await;
    let imports = channel(server.process.address("contactImport")).await;
    let contact = async |organization: &str, id: &str| {
        let request =
            GetContactRequest { organization_id: organization.into(), contact_id: id.into() };
        content(
            &ContactServiceClient::new(identity.clone()).get_contact(request).await.unwrap_err(),
        )
    };
    let thread = async |organization: &str, id: &str| {
        let request = GetConversationRequest {
            organization_id: organization.into(),
            conversation_id: id.into(),
            side: Side::Agent.into(),
        };
        let mut client = ConversationServiceClient::new(conversation.clone());
        content(&client.get_conversation(request).await.unwrap_err())
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
        client.list_messages(request).await.unwrap().into_inner()
    };
    let job = async |organization: &str, id: &str| {
        let request =
            GetImportRequest { organization_id: organization.into(), import_id: id.into() };
        content(&ImportServiceClient::new(imports.clone()).get_import(request).await.unwrap_err())
    };
    let id = uma.contact_id();
    for (seen, not_there) in [
        (contact(&foreign, id).await, contact(&foreign, &unknown).await),
        (thread(&foreign, id).await, thread(&foreign, &unknown).await),
        (job(&foreign, import).await, job(&foreign, &unknown).await),
    ] {
        assert_eq!(seen.0, Code::NotFound);
        assert_eq!(seen, not_there);
    }
    // A thread that is another organization's is one without messages.
    assert_eq!(messages(&foreign, id).await, ListMessagesResponse::default());
    assert_eq!(messages(&foreign, &unknown).await, ListMessagesResponse::default());
}

/// A text that is in all data of the first organization, and nowhere else.
const CANARY: &str = "canary";

/// Creates resources of every kind. Returns their ids.
async fn create_resources(server: &TestServer) -> Vec<String> {
    let owner = server.log_in_owner().await;
    let post = async |path: &str, body: Value| {
        let reply = owner.api.post(path, &body).await;
        assert!((200..300).contains(&reply.status), "{path}: {}", reply.text);
        reply.body
    };
    let person = json!({
        "user_id": "canary-user", "name": "Canary Person", "email": "canary@example.com",
        "company": "Canary Ltd", "custom_data": {"canary": "canary word"},
    });
    let person = server.start_session(&person).await;
    person.send("a canary text").await;
    let thread = person.contact_id();
    owner.reply(thread, "a canary answer").await;
    let note =
        json!({"clientMessageId": server.random.uuid(), "text": "canary note", "kind": "note"});
    post(&format!("/v1/conversations/{thread}/messages"), note).await;
    let made = post("/v1/contacts", json!({"userId": "canary-2", "tags": ["canary-tag"]})).await;
    let agent = json!({"email": "canary-agent@example.com", "name": "Canary Agent"});
    let agent = post("/v1/agents", agent).await;
    let key = post("/v1/api-keys", json!({"name": "canary key"})).await;
    let identity_key = post("/v1/identity-keys", json!({})).await;
    let application = post("/v1/applications", json!({"name": "canary app"})).await;
    let webhook = json!({"url": "https://canary.example/", "events": ["contact.joined"]});
    let webhook = post("/v1/webhooks", webhook).await;
    let import = "user_id,email,canary\ncanary-3,canary3@example.com,canary cell\n,canary@,\n";
    let import = crate::imports::import(&owner, import).await;
    let ids = [
        &person.start["contact"]["id"],
        &made["id"],
        &agent["id"],
        &key["id"],
        &identity_key["keyId"],
        &application["appId"],
        &webhook["id"],
        &import["id"],
        &person.messages().await[0]["id"],
    ];
    ids.map(|id| id.as_str().expect("each has an id").to_owned()).to_vec()
}

#[tokio::test]
async fn no_data_of_one_organization_is_visible_in_another() {
    let server = TestServer::with_operator(Default::default()).await;
    let other = server.organization("other.example").await;
    let owner = other.log_in_owner().await;
    let mut live = owner.events().await;
    assert_eq!(live.expect_next().await.name, "reload");
    let ids = create_resources(&server).await;

    let mut answers = Vec::new();
    for call in documented_operations(server.process.address("http")).await {
        let Some(path) = call.strip_prefix("GET ").filter(|path| path.starts_with("/v1/")) else {
            continue;
        };
        if path == "/v1/events" {
            continue;
        }
        if !path.contains('{') {
            let reply = owner.api.get(path).await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.text);
            answers.push((path.to_owned(), reply.text));
            continue;
        }
        for id in &ids {
            let path = path.replace("{id}", id);
            let reply = owner.api.get(&path).await;
            assert_eq!(reply.status, 404, "{path}: {}", reply.text);
            answers.push((path, reply.text));
        }
    }
    let everybody = json!({"includeVisitors": true});
    let searches = [
        everybody.clone(),
        json!({"q": CANARY, "includeVisitors": true}),
        json!({"filter": [{"field": "custom.canary", "operator": "~", "value": CANARY}]}),
        json!({"filter": [{"field": "tags", "operator": "=", "value": "canary-tag"}]}),
        json!({"filter": [{"field": "userId", "operator": "=", "value": "canary-user"}]}),
    ];
    for search in searches {
        let found = owner.api.post("/v1/contacts/search", &search).await;
        answers.push((format!("search {search}"), found.text.clone()));
        assert_eq!(found.expect(200)["items"], json!([]), "{search}");
        let found = owner.api.post("/v1/contacts/export.csv", &search).await;
        answers.push((format!("export {search}"), found.text));
    }
    for (path, text) in &answers {
        assert!(!text.to_lowercase().contains(CANARY), "{path}: {text}");
        assert!(!ids.iter().any(|id| text.contains(id)), "{path}: {text}");
    }
    assert!(answers.len() > 30, "hardly anything was asked for: {}", answers.len());

    // Streams contain no events of the other organization.
    let mine = other.start_session(&json!({"user_id": "canary-user"})).await;
    assert_ne!(mine.contact_id(), ids[0], "one user id, two organizations");
    assert_eq!(mine.initial_texts(), Vec::<&str>::new());
    mine.send("the end").await;
    loop {
        let event = live.expect_next().await;
        let text = event.data.to_string();
        assert!(!ids.iter().any(|id| text.contains(id)), "{event:?}");
        if event.name == "message" {
            assert_eq!(event.data["text"], "the end", "{event:?}");
            break;
        }
    }
}

#[tokio::test]
async fn no_call_changes_another_organization() {
    let server = TestServer::with_operator(Default::default()).await;
    let other = server.organization("other.example").await;
    let ours =
        server.start_session(&json!({"user_id": "u", "security_hash": "h", "name": "Uma"})).await;
    ours.send("ours").await;
    let theirs = other.log_in_owner().await;

    // The same user id is unclaimed in the other organization.
    let mine = other.start_session(&json!({"user_id": "u", "name": "Ulf"})).await;
    assert_ne!(mine.contact_id(), ours.contact_id());
    mine.send("theirs").await;
    // A device token is not valid there either.
    for user in [json!({}), json!({"user_id": "v"})] {
        let abroad = other.start_session_on(&ours.device(), &user).await;
        assert_ne!(abroad.contact_id(), ours.contact_id());
        assert_eq!(abroad.initial_texts(), Vec::<&str>::new());
    }
    // An application is valid with its own organization only.
    let mut crossed = other.init_body_by_app(&json!({"user_id": "u"}));
    crossed["organization"] = server.bootstrap["organization"].clone();
    server.api.post("/widget/v1/init", &crossed).await.expect_problem(401, "unknown-application");
    // A conversation can't be assigned to a foreign agent, and an import changes no foreign contact.
    let agent =
        server.log_in_owner().await.api.get("/v1/me").await.expect(200)["agent"]["id"].clone();
    let path = format!("/v1/conversations/{}", mine.contact_id());
    let assign = theirs.api.patch(&path, &json!({"assigneeId": agent})).await;
    assign.expect_problem(404, "not-found");
    // Contacts of two organizations can't be merged.
    let ours_id = ours.contact_id();
    for (who, into) in [(mine.contact_id(), ours_id), (ours_id, mine.contact_id())] {
        for dry_run in [true, false] {
            let body = json!({"intoId": into, "dryRun": dry_run});
            let merge = theirs.api.post(&format!("/v1/contacts/{who}/merge"), &body).await;
            merge.expect_problem(404, "not-found");
        }
    }
    let of_agent = format!("/v1/conversations?assignee={}", agent.as_str().unwrap());
    assert_eq!(theirs.api.get(&of_agent).await.expect(200)["items"], json!([]));
    crate::imports::import(&theirs, "user_id,name\nu,Changed\n").await;
    let uma =
        server.with_api_key().get(&format!("/v1/contacts/{}", ours.contact_id())).await.expect(200);
    assert_eq!(uma["name"], "Uma");
    assert_eq!(ours.message_texts().await, ["ours"]);
    // A cursor of one organization reveals nothing in another.
    for n in 0..3 {
        server
            .with_api_key()
            .post("/v1/contacts", &json!({"userId": format!("more {n}")}))
            .await
            .expect(201);
    }
    let page = server.with_api_key().get("/v1/contacts?limit=1").await.expect(200);
    let cursor = page["nextCursor"].as_str().expect("there are more");
    let abroad = theirs.api.get(&format!("/v1/contacts?limit=200&cursor={cursor}")).await;
    assert!(!abroad.text.contains("more ") && !abroad.text.contains("Uma"), "{}", abroad.text);
}
