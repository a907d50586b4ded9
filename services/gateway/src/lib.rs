//! The gateway: the public JSON API, live streams to browsers, and the static pages. It has no store:
//! its answers come from the other services, and any replica serves any call.

mod address;
mod app;
mod authentication;
mod clients;
mod connections;
mod extract;
mod json;
mod limits;
mod names;
mod openapi;
mod origin;
mod problem;
mod routes;
mod serve;
mod streams;
mod trace;
mod visited_pages;

use std::sync::Arc;

use axum::Router;
use ipnet::IpNet;
use onethread_config::RateLimits;
use onethread_core::{Clock, Entropy};
use onethread_grpc::Peer;
use onethread_lifecycle::Lifecycle;
use secrecy::SecretString;
use tokio::net::TcpListener;

use crate::app::App;

/// Configuration of the gateway.
#[derive(Debug, Clone)]
pub struct Config {
    /// The rate limits.
    pub rate_limits: RateLimits,
    /// Networks of proxies whose `X-Forwarded-For` and trace context are trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Files and connections that the process may have open.
    pub open_files: usize,
    /// The token of the operator, who may create organizations. Without it nobody can.
    pub operator_token: Option<SecretString>,
    /// The application that the demo page shows. Without it there is no demo.
    pub demo: Option<Demo>,
}

/// The application of the demo page. All of it is public in that page, as in any customer's page.
#[derive(Debug, Clone)]
pub struct Demo {
    /// The organization's domain.
    pub organization: String,
    /// Number of the application.
    pub application_id: i64,
    /// The secret beside it.
    pub application_secret: String,
}

/// What the gateway depends on.
pub struct Deps {
    /// The identity service.
    pub identity: Peer,
    /// The conversation service.
    pub conversation: Peer,
    /// The contact-import service.
    pub contact_import: Peer,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// The gateway, ready to be started.
#[derive(Debug)]
pub struct Service {
    app: Arc<App>,
    router: Router,
}

/// Builds the gateway. Nothing runs before [`Service::start`].
pub fn build(config: Config, deps: Deps, life: &Lifecycle) -> Service {
    let app = Arc::new(App::new(config, deps, life.clone()));
    Service { router: routes::router(&app), app }
}

impl Service {
    /// Serves on the listener until the process stops: then streams end and running calls finish.
    pub fn start(self, listener: TcpListener, life: &Lifecycle) {
        life.spawn(streams::follow_all_conversations(self.app.clone()));
        life.spawn(streams::follow_revocations(self.app.clone()));
        life.spawn(limits::evict_idle(self.app.clone()));
        life.spawn(serve::serve(self.router, listener, self.app.clone()));
    }
}
