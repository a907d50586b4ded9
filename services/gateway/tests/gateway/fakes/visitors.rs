//! What visitors and contacts do with their own session.

use std::sync::atomic::Ordering;

use onethread_errors::{Error, Reason};
use onethread_proto::identity::{visitor_service_server::VisitorService, *};
use tonic::{Request, Response, Status};

use super::{Answer, Fake};
use crate::support;

#[tonic::async_trait]
impl VisitorService for Fake {
    async fn submit_pre_chat(
        &self,
        request: Request<SubmitPreChatRequest>,
    ) -> Answer<SubmitPreChatResponse> {
        if request.get_ref().token == "contact" {
            return Err(Error::new(Reason::NotAVisitor).into());
        }
        let fields = request.into_inner().fields;
        if fields.contains_key("email") {
            return Err(Error::invalid("fields[\"email\"]", "is not an email").into());
        }
        Ok(Response::new(SubmitPreChatResponse { session: Some(support::session(true)) }))
    }

    async fn admit_visitor(&self, _: Request<AdmitVisitorRequest>) -> Answer<AdmitVisitorResponse> {
        self.0.admitted.fetch_add(1, Ordering::SeqCst);
        Ok(Response::new(AdmitVisitorResponse { person: support::session(true).person }))
    }

    async fn update_own_profile(
        &self,
        request: Request<UpdateOwnProfileRequest>,
    ) -> Answer<UpdateOwnProfileResponse> {
        let user = request.into_inner().user.unwrap_or_default();
        assert!(user.user_id.is_none() && user.security_hash.is_none());
        let warning = FieldWarning { field: "user.email".to_owned(), detail: "is odd".to_owned() };
        let person = support::session(true).person;
        Ok(Response::new(UpdateOwnProfileResponse { person, warnings: vec![warning] }))
    }

    async fn track_event(&self, _: Request<TrackEventRequest>) -> Answer<TrackEventResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn record_visit(&self, _: Request<RecordVisitRequest>) -> Answer<RecordVisitResponse> {
        Ok(Response::new(RecordVisitResponse {}))
    }
}
