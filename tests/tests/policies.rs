//! The matrix of identity: what state a claim is in × what the organization asks for × what proof
//! comes × every call by which a widget names somebody.

use std::collections::BTreeMap;

use onethread_core::{Clock, SystemClock};
use onethread_tests::{Api, Device, Reply, Stage, Tenant, Widget, jwt, row_counts, user_hash};
use reqwest::Method;
use serde_json::{Value, json};

use crate::claims::clean_chat;

/// Whether somebody has claimed the user id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unclaimed,
    Claimed,
    /// Was claimed, until an owner reset it.
    Reset,
}

/// What comes as proof.
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

/// What has to come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The history is shown.
    In,
    /// It is shown, and the user id is claimed from now on.
    Claims,
    /// 403 and a clean chat.
    Refused,
    /// 400 naming the proof.
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
/// The `security_hash` that claims whoever is claimed, and another person's.
const RIGHT: &str = "canary right hash";
const ANOTHERS: &str = "canary hash of another";

/// The table. `enforced` decides, which is `optional` where a policy only reports; `asked` is the
/// policy that says which proof comes.
fn expected(enforced: &str, asked: &str, state: State, proof: Proof) -> Outcome {
    if matches!(proof, Proof::Array | Proof::Number) {
        return Outcome::Bad;
    }
    let none = matches!(proof, Proof::Absent | Proof::Null | Proof::Empty);
    let claimed = state == State::Claimed;
    match enforced {
        // Neither looks at claims.
        "hmac" | "jwt" if proof == Proof::Right => Outcome::In,
        "hmac" | "jwt" => Outcome::Refused,
        // What comes is no `security_hash`, so none is sent.
        "optional" if asked == "hmac" || asked == "jwt" => {
            if claimed {
                Outcome::Refused
            } else {
                Outcome::In
            }
        }
        "optional" if none && !claimed => Outcome::In,
        _ if none => Outcome::Refused,
        // Whatever comes first claims.
        _ if !claimed => Outcome::Claims,
        _ if proof == Proof::Right => Outcome::In,
        _ => Outcome::Refused,
    }
}

/// An organization under one policy.
struct House<'s> {
    stage: &'s Stage,
    tenant: Tenant,
    owner: Api,
    policy: &'static str,
    enforced: &'static str,
    /// Id and secret of an identity key.
    key: (String, String),
}

/// Somebody of whom there is a history to be seen.
struct Person {
    id: String,
    user_id: String,
}

impl<'s> House<'s> {
    async fn new(stage: &'s Stage, policy: &'static str, report_only: bool) -> Self {
        let how = if report_only { "report" } else { "enforce" };
        let domain = format!("{how}-{}.example", policy.replace('_', "-"));
        let tenant = stage.organization(&domain).await;
        tenant.set_policy(policy, report_only).await;
        let owner = tenant.agent().await.api;
        let key = tenant.identity_key().await;
        let enforced = if report_only { "optional" } else { policy };
        Self { stage, tenant, owner, policy, enforced, key }
    }

    /// The member that carries the proof.
    fn member(&self) -> &'static str {
        match self.policy {
            "hmac" => "user_hash",
            "jwt" => "user_jwt",
            _ => "security_hash",
        }
    }

    async fn person(&self, user_id: &str, state: State) -> Person {
        let company = self.tenant.company();
        let made = json!({"userId": user_id, "name": "Canary Name", "email": "canary@example.com"});
        let made = company.post("/v1/contacts", &made).await.expect(201);
        let id = made["id"].as_str().expect("a contact has an id").to_owned();
        let text = json!({"clientMessageId": self.tenant.chance.uuid(), "text": "the message"});
        company.post(&format!("/v1/contacts/{id}/messages"), &text).await.expect(201);
        let person = Person { id, user_id: user_id.to_owned() };
        if state != State::Unclaimed {
            assert!(self.claim(&person).await, "{user_id} is not claimed yet");
        }
        if state == State::Reset {
            let path = format!("/v1/contacts/{}/security-hash", person.id);
            let reset = self.owner.request(Method::DELETE, &path).json(&json!({"reason": "lost"}));
            Reply::of(reset).await.expect(204);
        }
        person
    }

    /// Claims the user id; false where somebody has.
    async fn claim(&self, person: &Person) -> bool {
        let path = format!("/v1/contacts/{}/security-hash", person.id);
        let claim = self.tenant.company().request(Method::PUT, &path);
        let reply = Reply::of(claim.json(&json!({"securityHash": RIGHT}))).await;
        match reply.status {
            409 => {
                reply.problem(409, "claim-exists");
                false
            }
            _ => {
                reply.expect(204);
                true
            }
        }
    }

    /// The value of the proof; `None` where it is left out.
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
            _ => text(RIGHT.to_owned(), ANOTHERS.to_owned(), "wrong".to_owned()),
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
        self.tenant.company().get(&path).await.expect(200)
    }

    /// How many logins the policy refused, or would have where it only reports.
    async fn refused(&self) -> i64 {
        let applications = self.owner.get("/v1/applications").await.expect(200);
        let hours = applications["items"][0]["refused"].as_array().expect("hours").iter();
        hours.map(|hour| hour["count"].as_i64().expect("a count")).sum()
    }

    /// Rows but for the counts of refusals, which have to change.
    async fn rows(&self) -> BTreeMap<String, i64> {
        let mut rows = row_counts(&self.stage.server.data_dir()).await;
        rows.retain(|table, _| !table.ends_with("/refusals"));
        rows
    }

    /// One cell: an init in one of its spellings from a device that holds a visitor.
    async fn cell(&self, person: &Person, (state, proof): (State, Proof), mut body: Value) {
        let visitor = self.tenant.open(&json!({})).await;
        body["deviceToken"] = json!(visitor.device().0);
        let refused = self.refused().await;
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
                assert_eq!(widget.first_texts(), ["the message"], "{what}");
                self.is_in(person, outcome == Outcome::Claims || state == State::Claimed).await;
            }
            Outcome::Refused => {
                assert_eq!(reply.status, 403, "{what}: {}", reply.text);
                let clean = clean_chat(reply, &person.id);
                assert_ne!(clean["session"]["deviceToken"], body["deviceToken"], "{what}");
                assert_ne!(clean["contact"]["id"], visitor.contact_id(), "{what}");
            }
            Outcome::Bad => {
                assert_eq!(reply.status, 400, "{what}: {}", reply.text);
                reply.refuses(&format!("/user/{}", self.member()));
            }
        }
        if matches!(outcome, Outcome::Refused | Outcome::Bad) {
            assert_eq!((self.detail(person).await, self.rows().await), before, "{what}");
            // The device's token is as it was.
            let again = self.tenant.open_on(&visitor.device(), &json!({})).await;
            assert_eq!(again.contact_id(), visitor.contact_id(), "{what}");
        }
        let counts = outcome == Outcome::Refused
            || expected(self.policy, self.policy, state, proof) == Outcome::Refused;
        assert_eq!(self.refused().await - refused, i64::from(counts), "the count of {what}");
        let claimed = state == State::Claimed || outcome == Outcome::Claims;
        assert_eq!(!self.claim(person).await, claimed, "the claim of {what}");
    }

    /// What agents see of somebody who got in.
    async fn is_in(&self, person: &Person, claimed: bool) {
        let detail = self.detail(person).await;
        let verified = match self.enforced {
            "optional" | "security_hash" if claimed => "security_hash",
            "optional" | "security_hash" => "none",
            policy => policy,
        };
        assert_eq!(detail["verified"], verified, "{detail}");
        // Of the page's fields a token vouches for none.
        let name = if self.enforced == "jwt" { "Canary Name" } else { "Mallory" };
        assert_eq!(detail["name"], name, "{detail}");
        assert_eq!(detail["userId"], person.user_id.as_str(), "{detail}");
    }

    /// Every state and proof, in both spellings of init.
    async fn hold_init(&self) {
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

    /// Whatever `user` a later call carries, nobody becomes somebody else by it.
    async fn hold_other_calls(&self) {
        for state in [State::Unclaimed, State::Claimed] {
            for proof in PROOFS {
                let user_id = format!("canary later {state:?} {proof:?}");
                let person = self.person(&user_id, state).await;
                let before = self.detail(&person).await;
                let user = self.user(&user_id, proof);
                let visitor = self.tenant.open(&json!({})).await;
                self.speak(&visitor, &user).await;
                assert_eq!(self.detail(&person).await, before, "{user}");
                let thread = format!("/v1/conversations/{}/messages", person.id);
                let thread = self.tenant.company().get(&thread).await.expect(200);
                assert_eq!(thread["lastSeq"], 1, "{user}: {thread}");
                assert_eq!(!self.claim(&person).await, state == State::Claimed, "{user}");
            }
        }
    }

    /// All calls of a visitor that may carry a `user`: each is that visitor's own.
    async fn speak(&self, visitor: &Widget, user: &Value) {
        let form = json!({"name": "Vera", "email": "vera@example.com"});
        let form = json!({"fields": form, "user": user});
        let message =
            json!({"clientMessageId": self.tenant.chance.uuid(), "text": "hi", "user": user});
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
            let reply = Reply::of(visitor.api.request(method, path).json(&body)).await;
            assert!((200..300).contains(&reply.status), "{path} {body}: {}", reply.text);
            let contact = match path {
                "/widget/v1/contact" => &reply.body,
                "/widget/v1/pre-chat" => &reply.body["contact"],
                _ => continue,
            };
            assert_eq!(contact["id"], visitor.contact_id(), "{path}: {contact}");
            assert_eq!(contact["userId"], Value::Null, "{path}: {contact}");
        }
        assert_eq!(visitor.thread_texts().await, ["hi"]);
        let mine = format!("/v1/contacts/{}", visitor.contact_id());
        let mine = self.tenant.company().get(&mine).await.expect(200);
        assert_eq!((&mine["userId"], &mine["verified"]), (&Value::Null, &json!("none")), "{mine}");
    }

    /// The session of a refusal stays nobody's, whatever is proven on its device afterwards.
    async fn hold_clean_sessions(&self) {
        let person = self.person("canary clean", State::Claimed).await;
        let refused = self.tenant.init(&self.user("canary clean", Proof::Wrong)).await;
        let clean = Widget::new(&self.tenant, clean_chat(refused, &person.id));
        clean.fill_form(&json!({"name": "Clean", "email": "c@example.com"})).await.expect(200);
        clean.say("from the clean chat").await;
        let device = clean.start["session"]["deviceToken"].as_str().expect("a device").to_owned();
        let mut user = self.user("canary clean", Proof::Right);
        // Where the policy only reports, it is the claim that is asked for.
        user["security_hash"] = json!(RIGHT);
        let known = self.tenant.open_on(&Device(device), &user).await;
        assert_eq!(known.contact_id(), person.id);
        assert_eq!(known.first_texts(), ["the message"]);
        assert_eq!(clean.thread_texts().await, ["from the clean chat"]);
    }
}

async fn hold(policy: &'static str) {
    let stage = Stage::with_operator(Default::default()).await;
    for report_only in [false, true] {
        let house = House::new(&stage, policy, report_only).await;
        house.hold_init().await;
        house.hold_other_calls().await;
        house.hold_clean_sessions().await;
    }
}

#[tokio::test]
async fn the_matrix_of_optional() {
    hold("optional").await;
}

#[tokio::test]
async fn the_matrix_of_security_hash() {
    hold("security_hash").await;
}

#[tokio::test]
async fn the_matrix_of_hmac() {
    hold("hmac").await;
}

#[tokio::test]
async fn the_matrix_of_jwt() {
    hold("jwt").await;
}
