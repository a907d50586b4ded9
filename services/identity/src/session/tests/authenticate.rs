//! Credentials.

use onethread_proto::identity as wire;
use onethread_testing::ScratchDatabase;
use tonic::Code;

use crate::testing::identity;

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    an_api_key_is_accepted_and_forged_tokens_are_rejected,
}

async fn an_api_key_is_accepted_and_forged_tokens_are_rejected(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let caller = identity.authenticate(&identity.api_key).await.unwrap().caller.unwrap();
    assert!(matches!(caller, wire::authenticate_response::Caller::Server(_)));
    for forged in ["", "x", "otl_AAAA", &format!("{}A", identity.api_key)] {
        assert_eq!(identity.authenticate(forged).await.unwrap_err(), Code::Unauthenticated);
    }
}
