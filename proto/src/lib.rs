//! The gRPC API of the services, generated from `onethread/**/*.proto`: one module for each package.
//! The messages are documented in the `.proto` files.

/// One module for each package and version, as the generated code expects: it names messages of
/// another package by the path from here.
mod packages {
    pub mod common {
        pub mod v1 {
            tonic::include_proto!("onethread.common.v1");
        }
    }

    pub mod errors {
        pub mod v1 {
            tonic::include_proto!("onethread.errors.v1");
        }
    }

    pub mod identity {
        pub mod v1 {
            tonic::include_proto!("onethread.identity.v1");
        }
    }

    pub mod conversation {
        pub mod v1 {
            tonic::include_proto!("onethread.conversation.v1");
        }
    }

    pub mod contactimport {
        pub mod v1 {
            tonic::include_proto!("onethread.contactimport.v1");
        }
    }
}

/// Package `onethread.common.v1`.
pub use packages::common::v1 as common;
/// Package `onethread.contactimport.v1`.
pub use packages::contactimport::v1 as contactimport;
/// Package `onethread.conversation.v1`.
pub use packages::conversation::v1 as conversation;
/// Package `onethread.errors.v1`.
pub use packages::errors::v1 as errors;
/// Package `onethread.identity.v1`.
pub use packages::identity::v1 as identity;

/// The encoded `FileDescriptorSet` of all packages, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
