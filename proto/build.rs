//! Compiles the `.proto` files with protox, so that `protoc` is not needed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;
use prost_types::FileDescriptorSet;

const FILES: &[&str] = &[
    "onethread/common/v1/actor.proto",
    "onethread/errors/v1/reason.proto",
    "onethread/identity/v1/person.proto",
    "onethread/identity/v1/session.proto",
    "onethread/identity/v1/visitor.proto",
    "onethread/identity/v1/contact.proto",
    "onethread/identity/v1/organization.proto",
    "onethread/identity/v1/identity_key.proto",
    "onethread/identity/v1/audit.proto",
    "onethread/identity/v1/agent.proto",
    "onethread/identity/v1/api_key.proto",
    "onethread/identity/v1/application.proto",
    "onethread/identity/v1/blocking.proto",
    "onethread/identity/v1/webhook.proto",
    "onethread/identity/v1/conversation_fact.proto",
    "onethread/identity/v1/contact_import.proto",
    "onethread/conversation/v1/conversation.proto",
    "onethread/conversation/v1/stream.proto",
    "onethread/conversation/v1/sync.proto",
    "onethread/contactimport/v1/import.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=onethread");
    let descriptors = protox::compile(FILES, ["."])?;
    // Reflection serves this set, including comments.
    let out = PathBuf::from(env::var("OUT_DIR")?).join("descriptors.bin");
    fs::write(out, descriptors.encode_to_vec())?;
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("methods.rs"), methods(&descriptors))?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}

/// Writes the list of all methods, and whether they stream, as Rust source.
fn methods(descriptors: &FileDescriptorSet) -> String {
    let mut rows = String::new();
    for file in &descriptors.file {
        for service in &file.service {
            for method in &service.method {
                let (package, service, name) = (file.package(), service.name(), method.name());
                let streams = method.client_streaming() || method.server_streaming();
                rows.push_str(&format!("(\"{package}.{service}/{name}\", {streams}),\n"));
            }
        }
    }
    format!("&[{rows}]")
}
