//! Use cases of webhooks, and the worker that delivers to them.

mod client;
mod expand;
mod record;
mod webhooks;
mod worker;

pub(crate) use client::WebhookClient;
#[cfg(test)]
pub(crate) use expand::expand_events;
pub(crate) use worker::DeliveryWorker;
#[cfg(test)]
pub(crate) use worker::give_up_backlogs;
