//! Which events of conversations the conversation service has to report.

use super::{
    event::{Event, bits},
    webhook::Webhook,
};
use crate::domain::effects::{Delivery, Effects};

/// The events that an organization's webhooks want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interest {
    /// Bits of the events.
    pub(crate) events: i64,
    /// Number of changes so far, the one under way included.
    pub(crate) version: i64,
}

impl Interest {
    /// The events that these webhooks want, as bits, and what follows: the conversation service is
    /// notified when it has to report other events than before.
    pub(crate) fn change(self, webhooks: &[Webhook]) -> (i64, Effects) {
        let wanted = webhooks.iter().fold(0, |all, webhook| all | bits(&webhook.events));
        let reported = bits(&Event::OF_CONVERSATIONS);
        if (self.events ^ wanted) & reported == 0 {
            return (wanted, Effects::none());
        }
        let delivery = Delivery::Interest { events: wanted & reported, version: self.version };
        (wanted, Effects::none().deliver(delivery))
    }
}

#[cfg(test)]
mod tests {
    use onethread_core::{OrganizationId, Timestamp, WebhookId};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::keys::Sealed;

    fn webhook(events: i64) -> Webhook {
        Webhook {
            organization_id: OrganizationId(Uuid::nil()),
            id: WebhookId(Uuid::nil()),
            url: "https://example.com".to_owned(),
            events: Event::from_bits(events),
            secret: Sealed { bytes: Vec::new(), key: String::new() },
            created_at: Timestamp::from_micros(0),
        }
    }

    proptest! {
        #[test]
        fn the_conversation_service_learns_exactly_what_it_has_to_report(
            before in 0_i64..32,
            version in 1_i64..100,
            webhooks in prop::collection::vec(0_i64..32, 0..4),
        ) {
            let all = webhooks.iter().fold(0, |all, events| all | events);
            let webhooks: Vec<_> = webhooks.into_iter().map(webhook).collect();
            let (wanted, effects) = Interest { events: before, version }.change(&webhooks);
            prop_assert_eq!(wanted, all);
            let reported = 8 | 16;
            if before & reported == all & reported {
                prop_assert!(effects.deliveries.is_empty());
            } else {
                let expected = Delivery::Interest { events: all & reported, version };
                prop_assert_eq!(effects.deliveries, [expected]);
            }
        }
    }
}
