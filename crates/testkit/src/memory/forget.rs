use async_trait::async_trait;
use icp_domain::{Rules, UserId};
use icp_ports::{ForgetPart, ForgetUser, RepositoryError, Revision};

use super::{InMemoryDatabase, State};

#[async_trait]
impl ForgetUser for InMemoryDatabase {
    async fn forget(
        &self,
        user_id: &UserId,
        _part: ForgetPart,
    ) -> Result<Option<ForgetPart>, RepositoryError> {
        self.write(|state| state.forget(user_id));
        Ok(None)
    }

    async fn count_rows(&self) -> Result<u64, RepositoryError> {
        let revisions = |state: &State| state.history.values().map(Vec::len).sum::<usize>();
        Ok(self.read(|state| (state.icps.len() + revisions(state)) as u64))
    }
}

impl State {
    fn forget(&mut self, user_id: &UserId) {
        self.creators.retain(|_, creator| creator != user_id);
        self.keys.retain(|(user, _), _| user != user_id);
        self.changes.values_mut().for_each(|change| forget_author(change, user_id));
        for entry in self.history.values_mut().flatten() {
            entry.forget(user_id);
        }
    }
}

/// Removes a user from the author and the document of a revision.
pub(super) fn forget_author(revision: &mut Revision, user_id: &UserId) {
    revision.author.by.take_if(|by| by == user_id);
    revision.author.actor.take_if(|actor| actor == user_id);
    let icp = revision.json.as_ref().and_then(|json| icp_domain::Icp::from_json(json, Rules::Stored).ok());
    if let Some(icp) = icp.and_then(|icp| icp.without_user(user_id)) {
        revision.json = Some(icp.to_json());
    }
}
