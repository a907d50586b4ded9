//! The store on a real database, through the service's own calls.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use onethread_core::{
    Clock, Entropy, PageToken, SeededEntropy, SystemClock, SystemEntropy, Timestamp,
};
use onethread_db::{Database, Sql};
use onethread_proto::identity::{
    self as wire, contact_service_client::ContactServiceClient, identify_response::Outcome,
    organization_service_client::OrganizationServiceClient,
    session_service_client::SessionServiceClient,
};
use onethread_testing::ScratchDatabase;
use prost_types::{Value, value::Kind};
use tonic::Code;
use uuid::Uuid;

use crate::{
    Deps, Keys, MadeOrganization, Service, app::clean_up, build, contact::store::list::PageKey,
    store::clean_up::Before,
};

mod contacts;
mod erase;
mod joins;
mod known;
mod settled;
mod upgrade;

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    sixty_four_first_logins_make_one_contact,
    of_sixty_four_different_first_hashes_one_wins,
    sixty_four_equal_first_hashes_all_win,
    on_a_device_that_many_log_in_on_at_once_one_stays,
    a_logout_among_logins_on_a_device_ends_it,
    opening_a_page_writes_no_row_and_the_form_alone_is_not_enough,
    a_visitor_beside_a_logged_in_contact_ends_nothing,
    what_no_row_can_hold_is_not_found,
    logging_out_ends_the_session_and_the_device_begins_again,
    a_server_key_and_a_forged_token,
    a_closed_batch_changes_nothing_however_late_it_comes,
    a_row_that_the_database_refuses_is_set_aside_alone,
    rows_find_their_contacts,
    every_sort_order_pages_through_all_of_them_once,
    an_import_claims_the_unclaimed_and_no_other,
    a_batch_does_what_its_rows_do_one_by_one,
    what_has_had_its_time_is_forgotten,
}

pub(crate) struct Identity {
    pub(crate) service: Service,
    /// Another process on the same database.
    pub(crate) other: Service,
    pub(crate) organization: String,
    pub(crate) secret: String,
    pub(crate) api_key: String,
    _scratch: ScratchDatabase,
    _folder: tempfile::TempDir,
}

fn process(db: Database, folder: &tempfile::TempDir) -> Service {
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
    let mut kept = None;
    let keep = |made: &MadeOrganization| {
        kept = Some((
            made.organization.clone(),
            made.application_secret.clone(),
            made.api_key.expose_secret().to_owned(),
        ));
        Ok(())
    };
    service.first_organization("demo", keep).await.unwrap();
    let (organization, secret, api_key) = kept.unwrap();
    Identity { service, other, organization, secret, api_key, _scratch: scratch, _folder: folder }
}

pub(crate) fn entered(outcome: Outcome) -> wire::Session {
    match outcome {
        Outcome::Session(session) => session,
        Outcome::Refused(_) => panic!("refused"),
    }
}

pub(crate) fn text(value: &str) -> Option<Value> {
    Some(Value { kind: Some(Kind::StringValue(value.to_owned())) })
}

impl Identity {
    pub(crate) fn request(
        &self,
        user_id: Option<&str>,
        hash: Option<&str>,
        device: &str,
    ) -> wire::IdentifyRequest {
        wire::IdentifyRequest {
            organization: self.organization.clone(),
            application: Some(wire::identify_request::Application::Secret(
                wire::ApplicationSecret {
                    application_id: 1,
                    application_secret: self.secret.clone(),
                },
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

    pub(crate) fn sessions(&self) -> SessionServiceClient<onethread_grpc::Peer> {
        SessionServiceClient::new(self.service.peer())
    }

    pub(crate) fn contacts(&self) -> ContactServiceClient<onethread_grpc::Peer> {
        ContactServiceClient::new(self.service.peer())
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

    /// Starts them all at once, by turns in the one process and the other.
    pub(crate) async fn race(
        &self,
        requests: impl Iterator<Item = wire::IdentifyRequest>,
    ) -> Vec<Outcome> {
        let calls = requests.enumerate().map(|(n, request)| {
            let process = if n % 2 == 0 { &self.service } else { &self.other };
            let mut sessions = SessionServiceClient::new(process.peer());
            tokio::spawn(async move { sessions.identify(request).await })
        });
        let answers = join_all(calls.collect::<Vec<_>>()).await.into_iter();
        answers.map(|answer| answer.unwrap().unwrap().into_inner().outcome.unwrap()).collect()
    }

    pub(crate) async fn enter(
        &self,
        user_id: Option<&str>,
        hash: Option<&str>,
        device: &str,
    ) -> wire::Session {
        entered(self.identify(user_id, hash, device).await)
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

    async fn list(&self, of: &str, sort: &str, size: i32) -> Vec<wire::Contact> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = wire::ListContactsRequest {
                organization_id: of.to_owned(),
                sort: sort.to_owned(),
                page_size: size,
                page_token,
            };
            let page = self.contacts().list_contacts(request).await.unwrap().into_inner();
            all.extend(page.contacts);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }
}

async fn sixty_four_first_logins_make_one_contact(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let people = identity.race((0..64).map(|_| identity.request(Some("12345"), None, ""))).await;
    let people: Vec<_> = people.into_iter().map(entered).collect();
    let first = people[0].person.as_ref().unwrap();
    assert!(people.iter().all(|session| session.person.as_ref().unwrap().id == first.id));
    assert_eq!(identity.list(&people[0].organization_id, "", 50).await.len(), 1);
    for session in &people {
        assert!(identity.authenticate(&session.token).await.is_ok());
    }
}

async fn of_sixty_four_different_first_hashes_one_wins(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let hashes: Vec<_> = (0..64).map(|n| format!("hash-{n}")).collect();
    let tries = hashes.iter().map(|hash| identity.request(Some("u"), Some(hash), ""));
    let outcomes = identity.race(tries).await;
    let winners: Vec<_> = (0..64).filter(|n| matches!(outcomes[*n], Outcome::Session(_))).collect();
    assert_eq!(winners.len(), 1);
    // And it goes on winning.
    identity.enter(Some("u"), Some(&hashes[winners[0]]), "").await;
}

async fn sixty_four_equal_first_hashes_all_win(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    // Known without a claim before, so that the claim is a race on a row that is there.
    let before = identity.enter(Some("u"), None, "").await;
    let tries = (0..64).map(|_| identity.request(Some("u"), Some("s"), ""));
    for outcome in identity.race(tries).await {
        assert!(identity.authenticate(&entered(outcome).token).await.is_ok());
    }
    assert_eq!(identity.authenticate(&before.token).await.unwrap_err(), Code::Unauthenticated);
    assert!(matches!(identity.identify(Some("u"), None, "").await, Outcome::Refused(_)));
}

async fn on_a_device_that_many_log_in_on_at_once_one_stays(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    // The second round finds the device's row, the first one makes it.
    let mut device = identity.enter(None, None, "").await.device_token;
    for round in 0..2 {
        let users: Vec<_> = (0..32).map(|n| format!("{round}-{n}")).collect();
        let tries = users.iter().map(|user| identity.request(Some(user), None, &device));
        let sessions: Vec<_> = identity.race(tries).await.into_iter().map(entered).collect();
        let mut live = 0;
        for session in &sessions {
            live += usize::from(identity.authenticate(&session.token).await.is_ok());
        }
        assert_eq!(live, 1, "round {round}");
        device.clone_from(&sessions[0].device_token);
    }
}

async fn a_logout_among_logins_on_a_device_ends_it(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let person = identity.enter(Some("u"), None, "").await;
    let users: Vec<_> = (0..32).map(|n| format!("v{n}")).collect();
    let logins =
        identity.race(users.iter().map(|v| identity.request(Some(v), None, &person.device_token)));
    let mut sessions = SessionServiceClient::new(identity.other.peer());
    let logout = sessions.logout(wire::LogoutRequest { token: person.token.clone() });
    let (outcomes, out) = tokio::join!(logins, logout);
    assert_eq!(identity.authenticate(&person.token).await.unwrap_err(), Code::Unauthenticated);
    outcomes.into_iter().for_each(|outcome| drop(entered(outcome)));
    // It came in time to end the device, where nothing begins any more then, or the device was
    // another person's by then.
    let again = identity.enter(None, None, &person.device_token).await.person.unwrap();
    let another = identity.enter(None, None, &person.device_token).await.person.unwrap();
    assert_eq!(out.is_ok(), again.id != another.id);
}

async fn opening_a_page_writes_no_row_and_the_form_alone_is_not_enough(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let opened = identity.enter(None, None, "").await;
    let of = opened.organization_id.clone();
    let id = opened.person.as_ref().unwrap().id.clone();
    let get = || wire::GetContactRequest { organization_id: of.clone(), contact_id: id.clone() };
    assert_eq!(identity.contacts().get_contact(get()).await.unwrap_err().code(), Code::NotFound);

    let fields = [("name", "Ann"), ("email", "ann@example.com")];
    let form = wire::SubmitPreChatRequest {
        token: opened.token.clone(),
        fields: fields.map(|(k, v)| (k.to_owned(), text(v).unwrap())).into(),
        ..Default::default()
    };
    let done =
        identity.sessions().submit_pre_chat(form).await.unwrap().into_inner().session.unwrap();
    assert!(done.stored && !done.pre_chat.unwrap().show);
    assert!(identity.list(&of, "", 50).await.is_empty());

    let wrote =
        wire::RecordFirstMessageRequest { organization_id: of.clone(), contact_id: id.clone() };
    for _ in 0..2 {
        identity.contacts().record_first_message(wrote.clone()).await.unwrap();
    }
    let listed = identity.list(&of, "", 50).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].source(), wire::Source::PreChat);

    // Logging in as a new user keeps the row, and the visitor's token stops.
    let person = identity.enter(Some("new"), None, &opened.device_token).await;
    assert_eq!(person.person.unwrap().id, id);
    assert_eq!(identity.authenticate(&opened.token).await.unwrap_err(), Code::Unauthenticated);
    assert!(identity.authenticate(&person.token).await.is_ok());
    // The device's visitor is another one now.
    let again = identity.enter(None, None, &opened.device_token).await;
    assert_ne!(again.person.unwrap().id, id);
}

async fn a_visitor_beside_a_logged_in_contact_ends_nothing(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let person = identity.enter(Some("u"), None, "").await;
    let beside = identity.enter(None, None, &person.device_token).await;
    assert_eq!(beside.mode(), wire::Mode::Visitor);
    assert!(identity.authenticate(&person.token).await.is_ok());
    assert!(identity.authenticate(&beside.token).await.is_ok());
    // Somebody else on the same device ends the first one's session.
    let other = identity.enter(Some("v"), None, &beside.device_token).await;
    assert_eq!(identity.authenticate(&person.token).await.unwrap_err(), Code::Unauthenticated);
    assert!(identity.authenticate(&other.token).await.is_ok());
}

async fn logging_out_ends_the_session_and_the_device_begins_again(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let person = identity.enter(Some("u"), None, "").await;
    let elsewhere = identity.enter(Some("u"), None, "").await;
    let logout = wire::LogoutRequest { token: person.token.clone() };
    let fresh = identity.sessions().logout(logout).await.unwrap().into_inner().session.unwrap();
    assert_eq!(identity.authenticate(&person.token).await.unwrap_err(), Code::Unauthenticated);
    assert!(identity.authenticate(&elsewhere.token).await.is_ok());
    let again = identity.enter(None, None, &person.device_token).await;
    assert_eq!(again.mode(), wire::Mode::Visitor);
    assert_ne!(again.person.unwrap().id, fresh.person.unwrap().id);
}

async fn a_server_key_and_a_forged_token(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let caller = identity.authenticate(&identity.api_key).await.unwrap().caller.unwrap();
    assert!(matches!(caller, wire::authenticate_response::Caller::Server(_)));
    for forged in ["", "x", "otl_AAAA", &format!("{}A", identity.api_key)] {
        assert_eq!(identity.authenticate(forged).await.unwrap_err(), Code::Unauthenticated);
    }
}

fn row(line: i64, user_id: &str, email: &str, name: &str) -> wire::ImportRow {
    wire::ImportRow {
        line,
        user_id: user_id.to_owned(),
        email: email.to_owned(),
        name: name.to_owned(),
        ..Default::default()
    }
}

async fn import(
    identity: &Identity,
    of: &str,
    number: i64,
    rows: Vec<wire::ImportRow>,
) -> Vec<wire::ImportOutcome> {
    let batch = wire::ImportContactsRequest {
        organization_id: of.to_owned(),
        import_id: Uuid::from_u128(77).to_string(),
        batch_number: number,
        rows,
        close: false,
    };
    let answer = exchange(identity, batch).await;
    answer.results.iter().map(wire::ImportRowResult::outcome).collect()
}

async fn exchange(
    identity: &Identity,
    batch: wire::ImportContactsRequest,
) -> wire::ImportContactsResponse {
    let answers =
        identity.contacts().import_contacts(futures::stream::iter([batch])).await.unwrap();
    answers.into_inner().message().await.unwrap().unwrap()
}

/// The others of its batch are stored, and the answer is kept as any other.
async fn a_row_that_the_database_refuses_is_set_aside_alone(scratch: ScratchDatabase) {
    use wire::ImportOutcome::{Created, Rejected, Updated};
    let db = scratch.db.clone();
    let identity = identity(scratch).await;
    let of = identity.enter(Some("u1"), None, "").await.organization_id;
    let reject = Sql::dialects(
        "CREATE TRIGGER reject BEFORE INSERT ON contacts
           WHEN new.name = 'unstorable' BEGIN SELECT RAISE(ABORT, 'no'); END",
        "ALTER TABLE contacts ADD CHECK (name <> 'unstorable')",
    );
    db.writer("reject").await.unwrap().query(reject).execute().await.unwrap();
    let rows: Vec<_> = (1..=11)
        .map(|n| row(n, &format!("u{n}"), "", if n % 4 == 0 { "unstorable" } else { "fine" }))
        .collect();
    let mut wanted = vec![Created; 11];
    wanted[0] = Updated;
    (wanted[3], wanted[7]) = (Rejected, Rejected);
    assert_eq!(import(&identity, &of, 1, rows.clone()).await, wanted);
    assert_eq!(import(&identity, &of, 1, rows.clone()).await, wanted);
    assert_eq!(identity.list(&of, "name", 10).await.len(), 9);
    let alone = import(&identity, &of, 2, vec![rows[3].clone()]).await;
    assert_eq!(alone, [Rejected]);
}

/// A batch that is closed returns its first result, and no later commit changes it.
async fn a_closed_batch_changes_nothing_however_late_it_comes(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let of = identity.enter(Some("u1"), None, "").await.organization_id;
    let batch = |number, close| wire::ImportContactsRequest {
        organization_id: of.clone(),
        import_id: Uuid::from_u128(77).to_string(),
        batch_number: number,
        rows: if close { Vec::new() } else { vec![row(2, &format!("in {number}"), "", "")] },
        close,
    };
    let first = exchange(&identity, batch(1, false)).await;
    assert_eq!((first.closed, first.results.len()), (false, 1));
    assert_eq!(exchange(&identity, batch(1, true)).await, first);
    for close in [true, true, false] {
        let closed = exchange(&identity, batch(2, close)).await;
        assert_eq!((closed.closed, closed.results.len()), (true, 0));
    }
    assert_eq!(identity.list(&of, "name", 10).await.len(), 2);
    // Both at once: one of the two is first, and both are told the same.
    for number in 3..23 {
        let (taken, closed) = tokio::join!(
            exchange(&identity, batch(number, false)),
            exchange(&identity, batch(number, true))
        );
        assert_eq!(taken, closed);
    }
}

async fn rows_find_their_contacts(scratch: ScratchDatabase) {
    use wire::ImportOutcome::{Created, Rejected, Unchanged, Updated};
    let identity = identity(scratch).await;
    let of = identity.enter(Some("u1"), None, "").await.organization_id;
    let rows = vec![
        row(2, "u1", "one@example.com", ""),
        row(3, "u2", "", "Two"),
        row(4, "", "three@example.com", "Three"),
        row(5, "", "", "Nobody"),
        row(6, "u3", "not an address", ""),
    ];
    let first = import(&identity, &of, 1, rows.clone()).await;
    assert_eq!(first, [Updated, Created, Created, Rejected, Rejected]);
    // The number again gets the answer again; the rows again change nothing.
    assert_eq!(import(&identity, &of, 1, rows.clone()).await, first);
    let again = import(&identity, &of, 2, rows).await;
    assert_eq!(again, [Unchanged, Unchanged, Unchanged, Rejected, Rejected]);
    // An e-mail that a user id has is no match, and a page's e-mail vouches for nobody.
    let third = import(&identity, &of, 3, vec![row(2, "", "ONE@example.com", "")]).await;
    assert_eq!(third, [Created]);
    assert_eq!(identity.list(&of, "name", 1).await.len(), 4);
}

async fn every_sort_order_pages_through_all_of_them_once(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let of = identity.enter(Some("seen"), None, "").await.organization_id;
    let rows = (0..25).map(|n| row(n + 2, &format!("u{n}"), "", &format!("Name {}", n % 5)));
    import(&identity, &of, 1, rows.collect()).await;
    for sort in ["name", "-name", "createdAt", "-createdAt", "lastSeenAt", "-lastSeenAt"] {
        let listed = identity.list(&of, sort, 4).await;
        let ids: std::collections::BTreeSet<_> =
            listed.iter().map(|contact| contact.person.as_ref().unwrap().id.clone()).collect();
        assert_eq!((listed.len(), ids.len()), (26, 26), "{sort}");
    }
    let seen = identity.list(&of, "-lastSeenAt", 4).await;
    assert_eq!(seen[0].person.as_ref().unwrap().user_id.as_deref(), Some("seen"));
}

async fn an_import_claims_the_unclaimed_and_no_other(scratch: ScratchDatabase) {
    use wire::ImportOutcome::{Rejected, Unchanged, Updated};
    let identity = identity(scratch).await;
    let session = identity.enter(Some("u1"), None, "").await;
    let of = session.organization_id.clone();
    let with =
        |hash: &str| wire::ImportRow { security_hash: hash.to_owned(), ..row(2, "u1", "", "") };
    assert_eq!(import(&identity, &of, 1, vec![with("s")]).await, [Updated]);
    assert_eq!(import(&identity, &of, 2, vec![with("s")]).await, [Unchanged]);
    assert_eq!(import(&identity, &of, 3, vec![with("t")]).await, [Rejected]);
    // The session that did not prove it is over.
    assert_eq!(identity.authenticate(&session.token).await.unwrap_err(), Code::Unauthenticated);
    identity.enter(Some("u1"), Some("s"), "").await;
}

/// Rows over few people, so that they meet: known and new, by user id and by e-mail, claimed and
/// not, with values that are refused.
fn any_rows(chance: &SeededEntropy, count: usize) -> Vec<wire::ImportRow> {
    let pick = |from: &[&str]| {
        let mut byte = [0];
        chance.fill(&mut byte);
        from[usize::from(byte[0]) % from.len()].to_owned()
    };
    let emails = ["", "a@x.org", "A@X.org", "b@x.org", "c@x.org", "d@x.org", "bad"];
    let one = |line| wire::ImportRow {
        line,
        user_id: pick(&["", "", "1", "01", "2", "3", "4", "null"]),
        email: pick(&emails),
        name: pick(&["", "A \"1\" \\ \u{e4}", "B\u{1f600}", "C"]),
        phone: pick(&["", "+49 1", "+49 2"]),
        company: pick(&["", "X"]),
        security_hash: pick(&["", "", "", "s", "t"]),
        tags: [pick(&["vip", "new"])].into(),
        custom_data: [(pick(&["plan", "size"]), pick(&["1", "2", "true"]))].into(),
    };
    (0..count).map(|n| one(i64::try_from(n).unwrap() + 2)).collect()
}

/// All that an import changes of everybody.
async fn everybody(identity: &Identity, of: &str) -> Vec<String> {
    let listed = identity.list(of, "createdAt", 200).await;
    let mut shown: Vec<_> = listed
        .into_iter()
        .map(|mut contact| {
            let person = contact.person.as_mut().unwrap();
            person.id.clear();
            if person.name_generated {
                person.name.clear();
            }
            contact.created_at = None;
            (contact.first_seen_at, contact.last_seen_at) = (None, None);
            contact.devices.clear();
            format!("{contact:?}")
        })
        .collect();
    shown.sort();
    shown
}

async fn a_batch_does_what_its_rows_do_one_by_one(scratch: ScratchDatabase) {
    let mut seed = [0; 8];
    SystemEntropy.fill(&mut seed);
    let seed = u64::from_le_bytes(seed);
    println!("seed {seed}");
    let chance = SeededEntropy::new(seed);
    let (whole, single) = (identity(scratch.another().await).await, identity(scratch).await);
    let mut of = [const { String::new() }; 2];
    for (identity, of) in [&whole, &single].into_iter().zip(&mut of) {
        let session = identity.enter(Some("1"), None, "").await;
        *of = session.organization_id;
        identity.enter(Some("2"), Some("s"), "").await;
    }
    let mut numbers = 1..;
    for batch in 1..=12 {
        let rows = any_rows(&chance, 12);
        let together = import(&whole, &of[0], batch, rows.clone()).await;
        let mut one_by_one = Vec::new();
        for row in rows {
            one_by_one.extend(import(&single, &of[1], numbers.next().unwrap(), vec![row]).await);
        }
        assert_eq!(together, one_by_one, "batch {batch}");
        let (got, wanted) = (everybody(&whole, &of[0]).await, everybody(&single, &of[1]).await);
        assert_eq!(got, wanted, "batch {batch}");
    }
    for (user_id, hash) in [("1", "s"), ("1", "t"), ("3", "s"), ("3", "t"), ("4", "s")] {
        let mut entered = Vec::new();
        for identity in [&whole, &single] {
            let outcome = identity.identify(Some(user_id), Some(hash), "").await;
            entered.push(matches!(outcome, Outcome::Session(_)));
        }
        assert_eq!(entered[0], entered[1], "{user_id} with {hash}");
    }
}

async fn what_no_row_can_hold_is_not_found(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let of = identity.enter(Some("u"), None, "").await.organization_id;
    let mut request = identity.request(None, None, "");
    request.organization = "demo\0".to_owned();
    let answer = identity.sessions().identify(request).await;
    assert_eq!(answer.unwrap_err().code(), Code::Unauthenticated);
    let mut people = OrganizationServiceClient::new(identity.service.peer());
    let login = wire::LoginRequest {
        organization: "demo".to_owned(),
        email: "a\0@example.com".to_owned(),
        password: "guess".to_owned(),
    };
    assert_eq!(people.login(login).await.unwrap_err().code(), Code::Unauthenticated);

    // Cursors that somebody made up.
    identity.enter(Some("v"), None, "").await;
    let page = async |sort: &str, page_token: String| {
        let request = wire::ListContactsRequest {
            organization_id: of.clone(),
            sort: sort.to_owned(),
            page_size: 1,
            page_token,
        };
        identity.contacts().list_contacts(request).await
    };
    let made_up = async |sort: &str, key: &PageKey| {
        let genuine = page(sort, String::new()).await.unwrap().into_inner().next_page_token;
        let mut place: serde_json::Value = PageToken::decode(&genuine).unwrap().unwrap();
        place["key"] = serde_json::to_value(key).unwrap();
        page(sort, PageToken::encode(&place)).await
    };
    let bad = made_up("name", &PageKey::Name("\0".to_owned(), Uuid::nil())).await;
    assert_eq!(bad.unwrap_err().code(), Code::InvalidArgument);
    for (at, found) in [(i64::MIN, 1), (i64::MAX, 0)] {
        let listed = made_up("createdAt", &PageKey::Time(at, Uuid::nil())).await.unwrap();
        assert_eq!(listed.into_inner().contacts.len(), found);
    }
}

async fn what_has_had_its_time_is_forgotten(scratch: ScratchDatabase) {
    use wire::ImportOutcome::{Created, Unchanged};
    let identity = identity(scratch).await;
    let of = identity.enter(Some("u1"), None, "").await.organization_id;
    let rows = vec![row(2, "u2", "", "Two")];
    assert_eq!(import(&identity, &of, 1, rows.clone()).await, [Created]);
    let (early, late) = (Timestamp::from_micros(1), SystemClock.now().plus(Duration::from_secs(1)));
    let delete_before = async |time| {
        let before = Before { revocations: time, batches: time, refusals: time, logins: time };
        clean_up::delete_expired(&identity.service.app.db, before).await.unwrap();
    };
    delete_before(early).await;
    assert_eq!(import(&identity, &of, 1, rows.clone()).await, [Created], "its first answer");
    delete_before(late).await;
    assert_eq!(import(&identity, &of, 1, rows).await, [Unchanged], "nobody remembers");
}
