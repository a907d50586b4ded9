//! Identity's identity keys.

use std::sync::atomic::Ordering;

use onethread_errors::{Error, Reason};
use onethread_proto::identity::{identity_key_service_server::IdentityKeyService, *};
use tonic::{Request, Response};

use super::{Answer, Fake};
use crate::support::{at, id};

#[tonic::async_trait]
impl IdentityKeyService for Fake {
    async fn list_identity_keys(
        &self,
        _: Request<ListIdentityKeysRequest>,
    ) -> Answer<ListIdentityKeysResponse> {
        let key = IdentityKey { id: id(8), created_at: at() };
        Ok(Response::new(ListIdentityKeysResponse { identity_keys: vec![key] }))
    }

    async fn create_identity_key(
        &self,
        _: Request<CreateIdentityKeyRequest>,
    ) -> Answer<CreateIdentityKeyResponse> {
        if self.0.keys_full.load(Ordering::SeqCst) {
            return Err(Error::new(Reason::TooManyKeys).into());
        }
        let identity_key = Some(IdentityKey { id: id(8), created_at: at() });
        let secret = "k".to_owned();
        Ok(Response::new(CreateIdentityKeyResponse { identity_key, secret }))
    }

    async fn delete_identity_key(
        &self,
        request: Request<DeleteIdentityKeyRequest>,
    ) -> Answer<DeleteIdentityKeyResponse> {
        if request.into_inner().identity_key_id != id(8) {
            return Err(Error::not_found().into());
        }
        Ok(Response::new(DeleteIdentityKeyResponse {}))
    }
}
