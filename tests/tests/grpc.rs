//! Health and reflection, as probes and `grpcurl` use them.

use onethread_tests::{Health, TestServer, channel, health, services_v1, services_v1alpha};

const SERVICES: [(&str, &[&str]); 3] = [
    (
        "identity",
        &[
            "onethread.identity.v1.SessionService",
            "onethread.identity.v1.VisitorService",
            "onethread.identity.v1.ContactService",
            "onethread.identity.v1.OrganizationService",
            "onethread.identity.v1.IdentityKeyService",
            "onethread.identity.v1.AuditService",
            "onethread.identity.v1.ApplicationService",
            "onethread.identity.v1.AgentService",
            "onethread.identity.v1.ApiKeyService",
            "onethread.identity.v1.BlockedAddressService",
            "onethread.identity.v1.WebhookService",
            "onethread.identity.v1.ConversationFactService",
            "onethread.identity.v1.ContactImportService",
        ],
    ),
    (
        "conversation",
        &[
            "onethread.conversation.v1.ConversationService",
            "onethread.conversation.v1.ConversationSyncService",
            "onethread.conversation.v1.StreamService",
        ],
    ),
    ("contactImport", &["onethread.contactimport.v1.ImportService"]),
];

#[tokio::test]
async fn each_service_reports_its_health() {
    let server = TestServer::new().await;
    for (part, _) in SERVICES {
        let channel = channel(server.process.address(part)).await;
        assert_eq!(health(channel.clone(), "").await, Health::Serving, "{part}");
        assert_eq!(health(channel.clone(), "readiness").await, Health::Serving, "{part}");
        assert_eq!(health(channel, "nonsense").await, Health::Unknown, "{part}");
    }
}

#[tokio::test]
async fn each_service_describes_itself() {
    let server = TestServer::new().await;
    for (part, services) in SERVICES {
        let channel = channel(server.process.address(part)).await;
        for listed in [services_v1(channel.clone()).await, services_v1alpha(channel).await] {
            for service in services {
                assert!(listed.iter().any(|name| name == service), "{service}: {listed:?}");
            }
            let foreign = listed.iter().filter(|name| name.starts_with("onethread."));
            let foreign: Vec<_> =
                foreign.filter(|name| !services.contains(&name.as_str())).collect();
            assert!(foreign.is_empty(), "{part} lists what it doesn't serve: {foreign:?}");
        }
    }
}
