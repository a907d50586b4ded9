//! `VisitorService`.

use onethread_grpc::answer;
use onethread_proto::identity::{self as wire, visitor_service_server::VisitorService};
use tonic::{Request, Response, Status};

use crate::{
    contact::grpc::convert::{context, page, person, user_claims},
    grpc::{
        Handlers,
        json::{from_struct, from_wire},
    },
};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl VisitorService for Handlers {
    async fn submit_pre_chat(
        &self,
        request: Request<wire::SubmitPreChatRequest>,
    ) -> Answer<wire::SubmitPreChatResponse> {
        let request = request.into_inner();
        let fields = request.fields.into_iter().map(|(name, v)| (name, from_wire(v))).collect();
        let stored = async {
            let context = context(request.context)?;
            self.app.submit_form(&request.token, fields, user_claims(request.user), context).await
        };
        answer(
            stored
                .await
                .map(|session| wire::SubmitPreChatResponse { session: Some(session.into()) }),
        )
    }

    async fn admit_visitor(
        &self,
        request: Request<wire::AdmitVisitorRequest>,
    ) -> Answer<wire::AdmitVisitorResponse> {
        let request = request.into_inner();
        let admitted = async {
            let context = context(request.context)?;
            self.app.admit(&request.token, user_claims(request.user), context).await
        };
        answer(
            admitted
                .await
                .map(|visitor| wire::AdmitVisitorResponse { person: Some(person(&visitor)) }),
        )
    }

    async fn update_own_profile(
        &self,
        request: Request<wire::UpdateOwnProfileRequest>,
    ) -> Answer<wire::UpdateOwnProfileResponse> {
        let request = request.into_inner();
        let user = user_claims(request.user);
        let updated = self.app.update_own_profile(&request.token, &user).await;
        answer(updated.map(|(updated, warnings)| wire::UpdateOwnProfileResponse {
            person: Some(person(&updated)),
            warnings: warnings.into_iter().map(Into::into).collect(),
        }))
    }

    async fn track_event(
        &self,
        request: Request<wire::TrackEventRequest>,
    ) -> Answer<wire::TrackEventResponse> {
        let request = request.into_inner();
        let data = from_struct(request.data.unwrap_or_default());
        let stored = self.app.track(&request.token, &request.name, data).await;
        answer(stored.map(|()| wire::TrackEventResponse {}))
    }

    async fn record_visit(
        &self,
        request: Request<wire::RecordVisitRequest>,
    ) -> Answer<wire::RecordVisitResponse> {
        let request = request.into_inner();
        let recorded =
            self.app.record_visit(&request.token, page(request.page.unwrap_or_default()));
        answer(recorded.await.map(|()| wire::RecordVisitResponse {}))
    }
}
