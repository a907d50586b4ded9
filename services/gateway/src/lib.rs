//! The gateway: the public JSON API, live streams to browsers, and the plain pages. It has no
//! store: whatever it answers, it asked another service for, and any replica serves any call.

mod address;
mod app;
mod auth;
mod extract;
mod json;
mod limits;
mod names;
mod openapi;
mod problem;
mod routes;
mod serve;
mod streams;
mod trace;
mod trust;

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

/// What the gateway is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which rate limits hold.
    pub rate_limits: RateLimits,
    /// Networks whose `X-Forwarded-For` and trace context count.
    pub trusted_proxies: Vec<IpNet>,
    /// Who bears it may make organizations; without one nobody may.
    pub operator_token: Option<SecretString>,
    /// The application that the demo page shows; without one it has nothing to show.
    pub demo: Option<Demo>,
}

/// The application of the demo page. All of it stands in that page, as in any customer's.
#[derive(Debug, Clone)]
pub struct Demo {
    /// The organization's domain.
    pub organization: String,
    /// Number of the application.
    pub application_id: i64,
    /// The secret beside it.
    pub application_secret: String,
}

/// What the gateway stands on.
pub struct Deps {
    /// The identity service.
    pub identity: Peer,
    /// The conversation service.
    pub conversation: Peer,
    /// The contact-import service.
    pub contact_import: Peer,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// The gateway, ready to be started.
#[derive(Debug)]
pub struct Service {
    app: Arc<App>,
    router: Router,
}

/// Puts the gateway together. Nothing runs before [`Service::start`].
pub fn build(config: Config, deps: Deps, life: &Lifecycle) -> Service {
    let app = Arc::new(App::new(config, deps, life.clone()));
    Service { router: routes::router(&app), app }
}

impl Service {
    /// Serves on the listener until the process stops: then streams end, calls under way finish.
    pub fn start(self, listener: TcpListener, life: &Lifecycle) {
        life.spawn(streams::follow_conversations(self.app.clone()));
        life.spawn(streams::follow_revocations(self.app.clone()));
        life.spawn(limits::forget_the_quiet(self.app.clone()));
        life.spawn(serve::serve(self.router, listener, life.clone()));
    }
}
