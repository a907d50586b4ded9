//! The protocol between the services, as generated from `onethread/**/*.proto`: one module a
//! package. Nothing is written here by hand; what a message means stands in its `.proto` file.

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

/// All of the protocol as an encoded `FileDescriptorSet`, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
