//! The methods that exist. The path of a call is text of the caller's choice, so spans and metrics
//! have only names from here.

use std::{collections::HashMap, sync::LazyLock};

/// A method of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Method {
    /// Full name of the service, and the method.
    pub(crate) name: &'static str,
    /// True when either side streams.
    pub(crate) is_stream: bool,
}

impl Method {
    const UNKNOWN: Self = Self { name: "_OTHER", is_stream: false };

    /// Finds a method by the path of its calls.
    pub(crate) fn find(path: &str) -> Self {
        let name = path.strip_prefix('/').unwrap_or(path);
        METHODS.get(name).copied().unwrap_or(Self::UNKNOWN)
    }

    /// True for probes, which are repeated all the time.
    pub(crate) fn is_probe(self) -> bool {
        self.name.starts_with("grpc.health.")
    }
}

/// Methods of every server, and whether they stream.
const COMMON: [(&str, bool); 4] = [
    ("grpc.health.v1.Health/Check", false),
    ("grpc.health.v1.Health/Watch", true),
    ("grpc.reflection.v1.ServerReflection/ServerReflectionInfo", true),
    ("grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", true),
];

static METHODS: LazyLock<HashMap<&str, Method>> = LazyLock::new(|| {
    let all = onethread_proto::METHODS.iter().chain(&COMMON);
    all.map(|&(name, is_stream)| (name, Method { name, is_stream })).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_found_and_other_paths_are_folded() {
        let stream = Method::find("/onethread.conversation.v1.StreamService/Subscribe");
        assert_eq!(stream.name, "onethread.conversation.v1.StreamService/Subscribe");
        assert!(stream.is_stream && !stream.is_probe());
        let send = Method::find("/onethread.conversation.v1.ConversationService/SendMessage");
        assert!(!send.is_stream);
        assert!(Method::find("/grpc.health.v1.Health/Check").is_probe());
        for path in ["", "/", "/canary", "/onethread.conversation.v1.ConversationService/Canary"] {
            assert_eq!(Method::find(path), Method::UNKNOWN);
        }
    }
}
