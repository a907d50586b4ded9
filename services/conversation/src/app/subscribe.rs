//! Live streams.

use futures::{Stream, stream::BoxStream};
use onethread_errors::Result;

use super::App;
use crate::live::{Command, Event, Session};

impl App {
    /// Events of the conversations that the commands subscribe to. The stream ends with the
    /// process, and when the database is unavailable.
    pub(crate) fn subscribe(
        &self,
        commands: BoxStream<'static, Result<Command>>,
    ) -> impl Stream<Item = Result<Event>> + Send + use<> {
        Session::new(self.db.clone(), &self.live, commands).events()
    }
}
