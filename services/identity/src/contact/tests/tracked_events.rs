//! Events of contacts.

use std::time::Duration;

use onethread_core::{Clock, SystemClock};
use onethread_proto::identity as wire;
use onethread_testing::ScratchDatabase;
use prost_types::Struct;
use serde_json::json;
use tonic::Code;

use crate::{
    app::clean_up,
    testing::{contacts::json_value, identity},
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    the_latest_events_are_shown_until_they_expire,
}

async fn the_latest_events_are_shown_until_they_expire(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let session = identity.start_session(Some("u"), None, "").await;
    let (organization, id) = (session.organization_id.clone(), session.person.unwrap().id);
    let track = async |token: &str, name: &str| {
        let data = Some(Struct { fields: [("n".to_owned(), json_value(&json!(1)))].into() });
        let request =
            wire::TrackEventRequest { token: token.to_owned(), name: name.to_owned(), data };
        identity.visitors().track_event(request).await
    };
    for n in 0..105 {
        track(&session.token, &format!("event {n}")).await.unwrap();
    }
    let shown = identity.get(&organization, &id).await.unwrap().events;
    let names: Vec<_> = shown.iter().map(|event| event.name.as_str()).collect();
    assert_eq!((names.len(), names[0], names[19]), (20, "event 104", "event 85"));
    let long = "x".repeat(65);
    for invalid in ["", &long, "a\nb"] {
        assert_eq!(track(&session.token, invalid).await.unwrap_err().code(), Code::InvalidArgument);
    }
    // Events of a visitor without a row are not stored.
    let visitor = identity.start_session(None, None, "").await;
    track(&visitor.token, "seen").await.unwrap();
    let unknown = identity.get(&organization, &visitor.person.unwrap().id).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let (db, later) = (&identity.service.app.db, SystemClock.now().plus(Duration::from_secs(1)));
    clean_up::delete_events(db, later).await.unwrap();
    assert!(identity.get(&organization, &id).await.unwrap().events.is_empty());
}
