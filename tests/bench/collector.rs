//! A collector that drops what it receives, to measure the cost of tracing.

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
    trace_service_server::{TraceService, TraceServiceServer},
};
use tonic::{Request, Response, Status, transport::Server};

struct Discard;

#[tonic::async_trait]
impl TraceService for Discard {
    async fn export(
        &self,
        _: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// Serves on the standard port until the process is stopped.
pub(crate) async fn serve() {
    let address = ([127, 0, 0, 1], 4317).into();
    let server = Server::builder().add_service(TraceServiceServer::new(Discard));
    server.serve(address).await.expect("the port is free");
}
