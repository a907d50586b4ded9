//! Agents' passwords, changed by themselves or by whoever runs the server.

use onethread_core::{AgentId, OrganizationId, Timestamp};
use onethread_db::{Result, on};
use sqlx::query;

use super::{Store, audit, revocations, sql};
use crate::domain::{
    audit::{Actor, Change},
    tokens::RandomToken,
};

impl Store {
    /// Sets the password of an agent whose hash is still this one, and ends all their logins but
    /// the one to keep. False when somebody changed it meanwhile, or the agent is gone.
    pub(crate) async fn set_password(
        &self,
        of: OrganizationId,
        id: AgentId,
        (held, new): (String, String),
        keep: Option<RandomToken>,
        actor: Actor,
        now: Timestamp,
    ) -> Result<bool> {
        let entropy = self.entropy.clone();
        self.db
            .write("agent.password", move |mut conn| {
                Box::pin(async move {
                    let rows = on!(&mut conn, |c| query(sql::SET_PASSWORD)
                        .bind(of.0)
                        .bind(id.0)
                        .bind(&held)
                        .bind(&new)
                        .execute(&mut **c)
                        .await
                        .map(|done| done.rows_affected()))?;
                    if rows == 0 {
                        return Ok(false);
                    }
                    let kept = keep.map(|token| token.hash).unwrap_or_default();
                    on!(&mut conn, |c| query(sql::DELETE_OTHER_LOGINS_OF)
                        .bind(of.0)
                        .bind(id.0)
                        .bind(&kept)
                        .execute(&mut **c)
                        .await
                        .map(drop))?;
                    // Whoever has a password needs no invitation.
                    on!(&mut conn, |c| query(sql::DELETE_INVITATION_OF)
                        .bind(of.0)
                        .bind(id.0)
                        .execute(&mut **c)
                        .await
                        .map(drop))?;
                    revocations::insert(&mut conn, of, &[id.0], now, &*entropy).await?;
                    let change = Change {
                        actor,
                        action: "agent.password",
                        subject: id.to_string(),
                        detail: String::new(),
                    };
                    audit::record(&mut conn, of, &change, now, &*entropy).await?;
                    Ok(true)
                })
            })
            .await
    }
}
