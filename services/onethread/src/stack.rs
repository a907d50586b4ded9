//! Puts the four services together: each generated client sits on the other service itself, and
//! the gRPC ports listen all the same.

use std::{net::SocketAddr, path::Path, sync::Arc};

use onethread_config::Settings;
use onethread_core::{Clock, Entropy, SystemClock, SystemEntropy};
use onethread_db::{Database, Migrations};
use onethread_errors::Error;
use onethread_grpc::Listener;
use onethread_lifecycle::Lifecycle;
use onethread_process::{DataFolder, StartError, bind, open_files};
use serde::Serialize;
use tokio::net::TcpListener;

use crate::{
    bootstrap::{Bootstrap, bootstrap},
    restore,
};

/// `run.json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Addresses {
    http: SocketAddr,
    identity: SocketAddr,
    conversation: SocketAddr,
    contact_import: SocketAddr,
    pid: u32,
}

/// Serves until a signal comes, then drains.
pub(crate) async fn serve(settings: &Settings, life: Lifecycle) -> Result<(), StartError> {
    let certificates = settings.check().map_err(StartError::Configuration)?;
    let folder = DataFolder::open(&settings.process.data_dir).map_err(StartError::Configuration)?;
    restore::refuse_unfinished(&settings.process.data_dir)?;
    let files = uploads(settings, &folder)?;
    // Everything is bound before anything is made, so that a port in use leaves no half start.
    let listeners = Listeners::bind(settings).await?;
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let keys = settings.identity.keys_file(&settings.process.data_dir);
    let keys = onethread_identity::Keys::load(&keys, &*entropy)
        .map_err(|error| StartError::Configuration(error.to_string()))?;
    let (identity_db, conversation_db, import_db) = tokio::try_join!(
        database(settings, &folder, &onethread_identity::MIGRATIONS),
        database(settings, &folder, &onethread_conversation::MIGRATIONS),
        database(settings, &folder, &onethread_contact_import::MIGRATIONS),
    )?;
    life.stop_on_signals().map_err(Error::internal)?;

    let identity = onethread_identity::build(onethread_identity::Deps {
        db: identity_db.clone(),
        keys,
        clock: clock.clone(),
        entropy: entropy.clone(),
        private_webhooks: settings.identity.allows_private_webhooks(),
    });
    let conversation = onethread_conversation::build(onethread_conversation::Deps {
        db: conversation_db.clone(),
        clock: clock.clone(),
        entropy: entropy.clone(),
        nats: settings.bus.nats_url.clone().map(|url| (url, settings.transport.bus_files())),
        identity: identity.peer(),
    });
    let imports = onethread_contact_import::build(onethread_contact_import::Deps {
        db: import_db.clone(),
        clock: clock.clone(),
        entropy: entropy.clone(),
        identity: identity.peer(),
        files,
    })
    .await?;
    // Hashing a password takes 19 MiB for a moment: late, so that little else is laid out over it.
    let secrets = folder.path("bootstrap.json");
    let first = bootstrap(&identity, &secrets).await?;
    let deps = onethread_gateway::Deps {
        identity: identity.peer(),
        conversation: conversation.peer(),
        contact_import: imports.peer(),
        clock,
        entropy,
    };
    let gateway = onethread_gateway::build(
        gateway_config(settings, first.as_ref().map(|(first, _)| first)),
        deps,
        &life,
    );

    let addresses = listeners.addresses()?;
    let secured = |socket| Listener::new(socket, certificates.clone());
    identity.start(secured(listeners.identity), conversation.peer(), &life);
    conversation.start(secured(listeners.conversation), &life);
    imports.start(secured(listeners.contact_import), &life);
    gateway.start(listeners.http, &life);
    folder.write_addresses(&addresses).map_err(Error::internal)?;
    greet(&addresses, first.as_ref(), &secrets);

    life.wait_for_shutdown().await;
    folder.clear_addresses();
    for db in [identity_db, conversation_db, import_db] {
        db.close().await;
    }
    Ok(())
}

/// Where uploaded files are stored.
fn uploads(
    settings: &Settings,
    folder: &DataFolder,
) -> Result<onethread_contact_import::FileStorage, StartError> {
    let url = settings.object_store.object_store_url.as_ref();
    onethread_contact_import::FileStorage::open(url, folder.path("uploads"))
        .map_err(StartError::Configuration)
}

fn gateway_config(settings: &Settings, first: Option<&Bootstrap>) -> onethread_gateway::Config {
    onethread_gateway::Config {
        rate_limits: settings.gateway.rate_limits.clone(),
        trusted_proxies: settings.gateway.trusted_proxies.clone(),
        open_files: open_files(),
        operator_token: settings.gateway.operator_token.clone(),
        demo: first.map(|first| onethread_gateway::Demo {
            organization: first.organization.clone(),
            application_id: first.application_id,
            application_secret: first.application_secret.clone(),
        }),
    }
}

async fn database(
    settings: &Settings,
    folder: &DataFolder,
    migrations: &Migrations,
) -> Result<Database, StartError> {
    let db = match &settings.database.database_url {
        Some(url) => Database::connect(url.expose(), migrations.schema).await?,
        None => Database::open(&folder.path(&format!("{}.db", migrations.schema))).await?,
    };
    db.migrate(migrations).await?;
    Ok(db)
}

struct Listeners {
    http: TcpListener,
    identity: TcpListener,
    conversation: TcpListener,
    contact_import: TcpListener,
}

impl Listeners {
    async fn bind(settings: &Settings) -> Result<Self, StartError> {
        Ok(Self {
            http: bind("--http-addr", settings.gateway.http_addr).await?,
            identity: bind("--identity-addr", settings.identity.identity_addr).await?,
            conversation: bind("--conversation-addr", settings.conversation.conversation_addr)
                .await?,
            contact_import: bind(
                "--contact-import-addr",
                settings.contact_import.contact_import_addr,
            )
            .await?,
        })
    }

    fn addresses(&self) -> Result<Addresses, StartError> {
        let address = |listener: &TcpListener| listener.local_addr().map_err(Error::internal);
        Ok(Addresses {
            http: address(&self.http)?,
            identity: address(&self.identity)?,
            conversation: address(&self.conversation)?,
            contact_import: address(&self.contact_import)?,
            pid: std::process::id(),
        })
    }
}

/// Tells the person in front of the terminal where to go.
fn greet(addresses: &Addresses, first: Option<&(Bootstrap, bool)>, secrets: &Path) {
    let http = addresses.http;
    println!("Onethread serves.");
    println!("  demo page  http://{http}/demo");
    println!("  inbox      http://{http}/inbox");
    println!("  API        http://{http}/v1 and /widget/v1");
    println!(
        "  gRPC       identity {}, conversation {}, contact-import {}",
        addresses.identity, addresses.conversation, addresses.contact_import
    );
    let Some((first, is_new)) = first else { return };
    let (organization, email) = (&first.organization, &first.agent.email);
    // The password is shown once, at the first start. Later it is only in the file.
    if *is_new {
        println!("  login      {organization} / {email} / {}", first.agent.password);
    } else {
        let file = secrets.display();
        println!("  login      {organization} / {email}, first password in {file}");
    }
}
