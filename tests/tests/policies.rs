//! The matrix of identity verification: state of the claim × policy × proof × every call with which
//! a widget can identify a user.

use std::collections::BTreeMap;

use onethread_core::{Clock, SystemClock};
use onethread_tests::{
    Api, ApiResponse, Device, Tenant, TestServer, Widget, jwt, row_counts, user_hash,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::claims::clean_chat;

/// State of the user id's claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unclaimed,
    Claimed,
    /// An owner has reset the claim.
    Reset,
}

/// The proof that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    Absent,
    Null,
    Empty,
    Array,
    Number,
    Wrong,
    Anothers,
    Right,
}

/// Expected result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The login succeeds.
    In,
    /// The login succeeds and claims the user id.
    Claims,
    /// 403 with a clean session.
    Refused,
    /// 400 that names the proof.
    Bad,
}

const STATES: [State; 3] = [State::Unclaimed, State::Claimed, State::Reset];
const PROOFS: [Proof; 8] = [
    Proof::Absent,
    Proof::Null,
    Proof::Empty,
    Proof::Array,
    Proof::Number,
    Proof::Wrong,
    Proof::Anothers,
    Proof::Right,
];
/// The `security_hash` of claimed user ids.
const VALID_HASH: &str = "canary right hash";
/// The `security_hash` of another contact.
const OTHER_HASH: &str = "canary hash of another";

/// The table. `enforced` is the policy that decides, which is `optional` in report-only mode.
/// `asked` is the configured policy, which determines the kind of proof.
fn expected(enforced: &str, asked: &str, state: State, proof: Proof) -> Outcome {
    if matches!(proof, Proof::Array | Proof::Number) {
        return Outcome::Bad;
    }
    let none = matches!(proof, Proof::Absent | Proof::Null | Proof::Empty);
    let claimed = state == State::Claimed;
    match enforced {
        // These policies ignore claims.
        "hmac" | "jwt" if proof == Proof::Right => Outcome::In,
        "hmac" | "jwt" => Outcome::Refused,
        // The proof isn't a `security_hash`, so none is sent.
        "optional" if asked == "hmac" || asked == "jwt" => {
            if claimed {
                Outcome::Refused
            } else {
                Outcome::In
            }
        }
        "optional" if none && !claimed => Outcome::In,
        _ if none => Outcome::Refused,
        // The first hash claims the user id.
        _ if !claimed => Outcome::Claims,
        _ if proof == Proof::Right => Outcome::In,
        _ => Outcome::Refused,
    }
}

/// An organization with a policy.
struct PolicyTest<'s> {
    server: &'s TestServer,
    tenant: Tenant,
    owner: Api,
    policy: &'static str,
    enforced: &'static str,
    /// Id and secret of an identity key.
    key: (String, String),
}

/// A contact with a message.
struct Person {
    id: String,
    user_id: String,
}

impl<'s> PolicyTest<'s> {
    async fn new(server: &'s TestServer, policy: &'static str, report_only: bool) -> Self {
        let how = if report_only { "report" } else { "enforce" };
        let domain = format!("{how}-{}.example", policy.replace('_', "-"));
        let tenant = server.organization(&domain).await;
        tenant.set_policy(policy, report_only).await;
        let owner = tenant.log_in_owner().await.api;
        let key = tenant.identity_key().await;
        let enforced = if report_only { "optional" } else { policy };
        Self { server, tenant, owner, policy, enforced, key }
    }

    /// Returns the field for the proof.
    fn member(&self) -> &'static str {
        match self.policy {
            "hmac" => "user_hash",
            "jwt" => "user_jwt",
            _ => "security_hash",
        }
    }

    async fn person(&self, user_id: &str, state: State) -> Person {
        let company = self.tenant.with_api_key();
        let made = json!({"userId": user_id, "name": "Canary Name", "email": "canary@example.com"});
        let made = company.post("/v1/contacts", &made).await.expect(201);
        let id = made["id"].as_str().expect("a contact has an id").to_owned();
        let text = json!({"clientMessageId": self.tenant.random.uuid(), "text": "the message"});
        company.post(&format!("/v1/contacts/{id}/messages"), &text).await.expect(201);
        let person = Person { id, user_id: user_id.to_owned() };
        if state != State::Unclaimed {
            assert!(self.claim(&person).await, "{user_id} is not claimed yet");
        }
        if state == State::Reset {
            let path = format!("/v1/contacts/{}/security-hash", person.id);
            let reset = self.owner.request(Method::DELETE, &path).json(&json!({"reason": "lost"}));
            ApiResponse::send(reset).await.expect(204);
        }
        person
    }

    /// Claims the user id. False if it already has a claim.
    async fn claim(&self, person: &Person) -> bool {
        let path = format!("/v1/contacts/{}/security-hash", person.id);
        let claim = self.tenant.with_api_key().request(Method::PUT, &path);
        let reply = ApiResponse::send(claim.json(&json!({"securityHash": VALID_HASH}))).await;
        match reply.status {
            409 => {
                reply.expect_problem(409, "claim-exists");
                false
            }
            _ => {
                reply.expect(204);
                true
            }
        }
    }

    /// Returns the value of the proof, or `None` if it is omitted.
    fn proof(&self, user_id: &str, proof: Proof) -> Option<Value> {
        let (kid, key) = &self.key;
        let token = |key: &str, sub: &str| {
            let now = SystemClock.now().seconds();
            let aud = &self.tenant.bootstrap["organization"];
            jwt(kid, key, &json!({"sub": sub, "aud": aud, "iat": now, "exp": now + 600}))
        };
        let text = |right: String, anothers: String, wrong: String| match proof {
            Proof::Wrong => wrong,
            Proof::Anothers => anothers,
            _ => right,
        };
        let right = match self.policy {
            "hmac" => text(user_hash(key, user_id), user_hash(key, "another"), "0".repeat(64)),
            "jwt" => text(token(key, user_id), token(key, "another"), token("not it", user_id)),
            _ => text(VALID_HASH.to_owned(), OTHER_HASH.to_owned(), "wrong".to_owned()),
        };
        match proof {
            Proof::Absent => None,
            Proof::Null => Some(Value::Null),
            Proof::Empty => Some(json!("")),
            Proof::Array => Some(json!([right])),
            Proof::Number => Some(json!(12345)),
            Proof::Wrong | Proof::Anothers | Proof::Right => Some(json!(right)),
        }
    }

    fn user(&self, user_id: &str, proof: Proof) -> Value {
        let mut user = json!({"user_id": user_id, "name": "Mallory", "email": "m@example.com"});
        if let Some(proof) = self.proof(user_id, proof) {
            user[self.member()] = proof;
        }
        user
    }

    async fn detail(&self, person: &Person) -> Value {
        let path = format!("/v1/contacts/{}", person.id);
        self.tenant.with_api_key().get(&path).await.expect(200)
    }

    /// Returns the number of logins that the policy rejected, or would have rejected in report-only mode.
    async fn rejected_logins(&self) -> i64 {
        let applications = self.owner.get("/v1/applications").await.expect(200);
        let hours = applications["items"][0]["refused"].as_array().expect("hours").iter();
        hours.map(|hour| hour["count"].as_i64().expect("a count")).sum()
    }

    /// Returns row counts without the table of rejected logins, which has to change.
    async fn rows(&self) -> BTreeMap<String, i64> {
        let mut rows = row_counts(&self.server.process.data_dir()).await;
        rows.retain(|table, _| !table.ends_with("/refusals"));
        rows
    }

    /// Tests one cell: an init in one of its forms from the device of a visitor.
    async fn cell(&self, person: &Person, (state, proof): (State, Proof), mut body: Value) {
        let visitor = self.tenant.start_session(&json!({})).await;
        body["deviceToken"] = json!(visitor.device().0);
        let refused = self.rejected_logins().await;
        let before = (self.detail(person).await, self.rows().await);
        let reply = self.tenant.api.post("/widget/v1/init", &body).await;
        let outcome = expected(self.enforced, self.policy, state, proof);
        let what = format!("{} {} {state:?} {proof:?}: {body}", self.enforced, self.policy);
        match outcome {
            Outcome::In | Outcome::Claims => {
                assert_eq!(reply.status, 200, "{what}: {}", reply.text);
                let widget = Widget::new(&self.tenant, reply.body);
                assert_eq!(widget.mode(), "contact", "{what}");
                assert_eq!(widget.contact_id(), person.id, "{what}");
                assert_eq!(widget.initial_texts(), ["the message"], "{what}");
                self.check_login(person, outcome == Outcome::Claims || state == State::Claimed)
                    .await;
            }
            Outcome::Refused => {
                assert_eq!(reply.status, 403, "{what}: {}", reply.text);
                let clean = clean_chat(reply, &person.id);
                assert_ne!(clean["session"]["deviceToken"], body["deviceToken"], "{what}");
                assert_ne!(clean["contact"]["id"], visitor.contact_id(), "{what}");
            }
            Outcome::Bad => {
                assert_eq!(reply.status, 400, "{what}: {}", reply.text);
                reply.expect_invalid(&format!("/user/{}", self.member()));
            }
        }
        if matches!(outcome, Outcome::Refused | Outcome::Bad) {
            assert_eq!((self.detail(person).await, self.rows().await), before, "{what}");
            // The device token is unchanged.
            let again = self.tenant.start_session_on(&visitor.device(), &json!({})).await;
            assert_eq!(again.contact_id(), visitor.contact_id(), "{what}");
        }
        let counts = outcome == Outcome::Refused
            || expected(self.policy, self.policy, state, proof) == Outcome::Refused;
        assert_eq!(
            self.rejected_logins().await - refused,
            i64::from(counts),
            "the count of {what}"
        );
        let claimed = state == State::Claimed || outcome == Outcome::Claims;
        assert_eq!(!self.claim(person).await, claimed, "the claim of {what}");
    }

    /// Checks what agents see of a contact after a successful login.
    async fn check_login(&self, person: &Person, claimed: bool) {
        let detail = self.detail(person).await;
        let verified = match self.enforced {
            "optional" | "security_hash" if claimed => "security_hash",
            "optional" | "security_hash" => "none",
            policy => policy,
        };
        assert_eq!(detail["verified"], verified, "{detail}");
        // With a token, fields of the page are ignored.
        let name = if self.enforced == "jwt" { "Canary Name" } else { "Mallory" };
        assert_eq!(detail["name"], name, "{detail}");
        assert_eq!(detail["userId"], person.user_id.as_str(), "{detail}");
    }

    /// Tests init with every state and proof, in both forms.
    async fn test_init(&self) {
        for state in STATES {
            for proof in PROOFS {
                for spelling in ["secret", "app"] {
                    let user_id = format!("canary {state:?} {proof:?} {spelling}");
                    let person = self.person(&user_id, state).await;
                    let user = self.user(&user_id, proof);
                    let body = match spelling {
                        "secret" => self.tenant.init_body(&user),
                        _ => self.tenant.init_body_by_app(&user),
                    };
                    self.cell(&person, (state, proof), body).await;
                }
            }
        }
    }

    /// Tests that a `user` in other calls never changes the identity.
    async fn test_other_calls(&self) {
        for state in [State::Unclaimed, State::Claimed] {
            for proof in PROOFS {
                let user_id = format!("canary later {state:?} {proof:?}");
                let person = self.person(&user_id, state).await;
                let before = self.detail(&person).await;
                let user = self.user(&user_id, proof);
                let visitor = self.tenant.start_session(&json!({})).await;
                self.call_with_user(&visitor, &user).await;
                assert_eq!(self.detail(&person).await, before, "{user}");
                let thread = format!("/v1/conversations/{}/messages", person.id);
                let thread = self.tenant.with_api_key().get(&thread).await.expect(200);
                assert_eq!(thread["lastSeq"], 1, "{user}: {thread}");
                assert_eq!(!self.claim(&person).await, state == State::Claimed, "{user}");
            }
        }
    }

    /// Makes all calls of a visitor that accept a `user`, and checks that they stay the visitor's.
    async fn call_with_user(&self, visitor: &Widget, user: &Value) {
        let form = json!({"name": "Vera", "email": "vera@example.com"});
        let form = json!({"fields": form, "user": user});
        let message =
            json!({"clientMessageId": self.tenant.random.uuid(), "text": "hi", "user": user});
        let track = json!({"name": "looked", "data": {}, "user": user});
        let calls = [
            (Method::PATCH, "/widget/v1/contact", user.clone()),
            (Method::PATCH, "/widget/v1/contact", json!({"user": user})),
            (Method::POST, "/widget/v1/pre-chat", form),
            (Method::POST, "/widget/v1/messages", message),
            (Method::PATCH, "/widget/v1/contact", user.clone()),
            (Method::POST, "/widget/v1/track", track),
        ];
        for (method, path, body) in calls {
            let reply = ApiResponse::send(visitor.api.request(method, path).json(&body)).await;
            assert!((200..300).contains(&reply.status), "{path} {body}: {}", reply.text);
            let contact = match path {
                "/widget/v1/contact" => &reply.body,
                "/widget/v1/pre-chat" => &reply.body["contact"],
                _ => continue,
            };
            assert_eq!(contact["id"], visitor.contact_id(), "{path}: {contact}");
            assert_eq!(contact["userId"], Value::Null, "{path}: {contact}");
        }
        assert_eq!(visitor.message_texts().await, ["hi"]);
        let mine = format!("/v1/contacts/{}", visitor.contact_id());
        let mine = self.tenant.with_api_key().get(&mine).await.expect(200);
        assert_eq!((&mine["userId"], &mine["verified"]), (&Value::Null, &json!("none")), "{mine}");
    }

    /// Tests that a clean session is never merged, even after a valid login on the same device.
    async fn test_clean_sessions(&self) {
        let person = self.person("canary clean", State::Claimed).await;
        let refused = self.tenant.init(&self.user("canary clean", Proof::Wrong)).await;
        let clean = Widget::new(&self.tenant, clean_chat(refused, &person.id));
        clean.submit_form(&json!({"name": "Clean", "email": "c@example.com"})).await.expect(200);
        clean.send("from the clean chat").await;
        let device = clean.start["session"]["deviceToken"].as_str().expect("a device").to_owned();
        let mut user = self.user("canary clean", Proof::Right);
        // In report-only mode the claim is required.
        user["security_hash"] = json!(VALID_HASH);
        let known = self.tenant.start_session_on(&Device(device), &user).await;
        assert_eq!(known.contact_id(), person.id);
        assert_eq!(known.initial_texts(), ["the message"]);
        assert_eq!(clean.message_texts().await, ["from the clean chat"]);
    }
}

async fn test_policy(policy: &'static str) {
    let server = TestServer::with_operator(Default::default()).await;
    for report_only in [false, true] {
        let house = PolicyTest::new(&server, policy, report_only).await;
        house.test_init().await;
        house.test_other_calls().await;
        house.test_clean_sessions().await;
    }
}

#[tokio::test]
async fn the_matrix_of_optional() {
    test_policy("optional").await;
}

#[tokio::test]
async fn the_matrix_of_security_hash() {
    test_policy("security_hash").await;
}

#[tokio::test]
async fn the_matrix_of_hmac() {
    test_policy("hmac").await;
}

#[tokio::test]
async fn the_matrix_of_jwt() {
    test_policy("jwt").await;
}
