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

/// All methods as `package.Service/Method`, and whether either side streams.
pub const METHODS: &[(&str, bool)] = include!(concat!(env!("OUT_DIR"), "/methods.rs"));

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    /// Words of which the comment of each RPC has one.
    const CODES: [&str; 10] = [
        "OK",
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "FAILED_PRECONDITION",
        "UNAUTHENTICATED",
        "PERMISSION_DENIED",
        "DATA_LOSS",
        "RESOURCE_EXHAUSTED",
        "UNAVAILABLE",
    ];

    /// The files of the packages that have services.
    fn files() -> Vec<String> {
        let packages = ["identity", "conversation", "contactimport"];
        let folders = packages.map(|package| {
            Path::new(env!("CARGO_MANIFEST_DIR")).join("onethread").join(package).join("v1")
        });
        let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
        files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect()
    }

    /// Each line that contains a text, with the comment right above it.
    fn commented<'a>(file: &'a str, text: &str) -> Vec<(&'a str, String)> {
        let lines: Vec<_> = file.lines().map(str::trim).collect();
        let found = (0..lines.len()).filter(|&at| lines[at].contains(text));
        let found = found.filter(|&at| !lines[at].starts_with("//"));
        let comment = |at: usize| {
            let above = lines[..at].iter().rev().take_while(|line| line.starts_with("//"));
            above.copied().collect::<Vec<_>>().join("\n")
        };
        found.map(|at| (lines[at], comment(at))).collect()
    }

    #[test]
    fn the_comment_of_each_call_names_its_status_codes() {
        let mut calls = 0;
        for file in files() {
            for (call, comment) in commented(&file, "rpc ") {
                assert!(CODES.iter().any(|code| comment.contains(code)), "{call} names no code");
                calls += 1;
            }
        }
        assert!(calls > 70, "{calls}");
    }

    #[test]
    fn pages_are_described_by_the_same_sentence() {
        for file in files() {
            for (field, comment) in commented(&file, "int32 page_size") {
                let sentence = "// Page size, 1 to 200; 0 means 50, and larger values mean 200.";
                assert_eq!(comment, sentence, "{field}");
            }
        }
    }
}
