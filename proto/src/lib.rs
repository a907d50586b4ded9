//! The gRPC API of the services, generated from `onethread/**/*.proto`: one module for each package.
//! The messages are documented in the `.proto` files.

/// Package `onethread.errors.v1`.
pub mod errors {
    tonic::include_proto!("onethread.errors.v1");
}

/// Package `onethread.identity.v1`.
pub mod identity {
    tonic::include_proto!("onethread.identity.v1");
}

/// Package `onethread.conversation.v1`.
pub mod conversation {
    tonic::include_proto!("onethread.conversation.v1");
}

/// Package `onethread.contactimport.v1`.
pub mod contactimport {
    tonic::include_proto!("onethread.contactimport.v1");
}

/// The encoded `FileDescriptorSet` of all packages, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
