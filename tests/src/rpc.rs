//! The gRPC side: channels, health and reflection, as `grpcurl` uses them.

use tokio_stream::StreamExt;
use tonic::{Code, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// A channel to `host:port`.
pub async fn channel(address: &str) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{address}")).expect("an address");
    endpoint.connect().await.expect("the port listens")
}

/// What a health check says.
#[derive(Debug, PartialEq, Eq)]
pub enum Health {
    /// It serves.
    Serving,
    /// It doesn't.
    NotServing,
    /// There is no such service.
    Unknown,
}

/// Asks for the health of a service by name.
pub async fn health(channel: Channel, service: &str) -> Health {
    let request = HealthCheckRequest { service: service.to_owned() };
    match HealthClient::new(channel).check(request).await {
        Ok(answer) if answer.get_ref().status() == ServingStatus::Serving => Health::Serving,
        Ok(_) => Health::NotServing,
        Err(status) if status.code() == Code::NotFound => Health::Unknown,
        Err(status) => panic!("no health: {status}"),
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
            let ask = |question| ServerReflectionRequest {
                host: String::new(),
                message_request: Some(question),
            };
            let mut client = ServerReflectionClient::new(channel);
            let list = tokio_stream::iter([ask(MessageRequest::ListServices(String::new()))]);
            let mut answers = client.server_reflection_info(list).await.expect("reflection").into_inner();
            let answer = answers.next().await.expect("an answer").expect("an answer");
            let Some(MessageResponse::ListServicesResponse(listed)) = answer.message_response else {
                panic!("reflection listed nothing");
            };
            let names: Vec<_> = listed.service.into_iter().map(|service| service.name).collect();
            // A listed service can be described as well.
            for name in names.iter().filter(|name| name.starts_with("onethread.")) {
                let symbol = MessageRequest::FileContainingSymbol(name.clone());
                let files = client.server_reflection_info(tokio_stream::iter([ask(symbol)])).await;
                let answer = files.expect("reflection").into_inner().next().await;
                let answer = answer.expect("an answer").expect("an answer").message_response;
                assert!(matches!(answer, Some(MessageResponse::FileDescriptorResponse(_))), "{name}");
            }
            names
        }
    };
}

list_services!(
    /// The services that reflection v1 lists, each of ours described as well.
    services_v1, v1
);
list_services!(
    /// The services that reflection v1alpha lists, each of ours described as well.
    services_v1alpha, v1alpha
);
