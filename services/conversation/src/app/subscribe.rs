//! Reading along live.

use futures::{Stream, stream::BoxStream};
use onethread_errors::Result;

use super::App;
use crate::live::{Command, Event, Session};

impl App {
    /// What happens in the conversations that the commands name. Ends with the process, after a
    /// command that can't be taken, or when the database is away.
    pub(crate) fn subscribe(
        &self,
        commands: BoxStream<'static, Result<Command>>,
    ) -> impl Stream<Item = Result<Event>> + Send + use<> {
        Session::new(self.store.clone(), &self.live, commands).events()
    }
}
