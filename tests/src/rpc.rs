//! gRPC: channels, health and reflection, as `grpcurl` uses them.

use tokio_stream::StreamExt;
use tonic::{Code, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// Opens a channel to `host:port`.
pub async fn channel(address: &str) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{address}")).expect("an address");
    endpoint.connect().await.expect("the port listens")
}

/// Result of a health check.
#[derive(Debug, PartialEq, Eq)]
pub enum Health {
    /// The service is serving.
    Serving,
    /// The service isn't serving.
    NotServing,
    /// The service is unknown.
    Unknown,
}

/// Checks the health of a service.
pub async fn health(channel: Channel, service: &str) -> Health {
    let request = HealthCheckRequest { service: service.to_owned() };
    match HealthClient::new(channel).check(request).await {
        Ok(response) if response.get_ref().status() == ServingStatus::Serving => Health::Serving,
        Ok(_) => Health::NotServing,
        Err(status) if status.code() == Code::NotFound => Health::Unknown,
        Err(status) => panic!("the health check failed: {status}"),
    }
}

macro_rules! list_services {
    ($(#[$doc:meta])* $name:ident, $version:ident) => {
        $(#[$doc])*
        pub async fn $name(channel: Channel) -> Vec<String> {
            use tonic_reflection::pb::$version::{
                ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
                server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
            };
            let request = |message| ServerReflectionRequest {
                host: String::new(),
                message_request: Some(message),
            };
            let mut client = ServerReflectionClient::new(channel);
            let list = tokio_stream::iter([request(MessageRequest::ListServices(String::new()))]);
            let mut responses = client.server_reflection_info(list).await.expect("reflection").into_inner();
            let response = responses.next().await.expect("a response").expect("a response");
            let Some(MessageResponse::ListServicesResponse(listed)) = response.message_response else {
                panic!("reflection listed nothing");
            };
            let names: Vec<_> = listed.service.into_iter().map(|service| service.name).collect();
            // Listed services must also be described, and so must the details of errors.
            let ours = names.iter().map(String::as_str).filter(|name| name.starts_with("onethread."));
            for name in ours.chain(["google.rpc.ErrorInfo", "google.rpc.BadRequest"]) {
                let symbol = MessageRequest::FileContainingSymbol(name.to_owned());
                let files = client.server_reflection_info(tokio_stream::iter([request(symbol)])).await;
                let response = files.expect("reflection").into_inner().next().await;
                let response = response.expect("a response").expect("a response").message_response;
                assert!(matches!(response, Some(MessageResponse::FileDescriptorResponse(_))), "{name}");
            }
            names
        }
    };
}

list_services!(
    /// Returns the services that reflection v1 lists, and checks that it describes ours.
    services_v1, v1
);
list_services!(
    /// Returns the services that reflection v1alpha lists, and checks that it describes ours.
    services_v1alpha, v1alpha
);
