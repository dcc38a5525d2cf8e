use std::sync::Arc;

use icp_domain::{Caller, Icp, IcpCopy, IcpDocument, IcpId, Rules};
use icp_ports::{StoredIcp, Version};

use crate::cpu::{CPU_THREADS, MAX_INLINE_TEXT_BYTES};
use crate::service::parse_for;
use crate::{Created, IcpService, Preconditions, RequestKey, ServiceError};

impl IcpService {
    /// Copies an ICP. The optional body contains the name of the copy. The caller is the only user of the copy. With a
    /// key, the ICP is copied once: the same request within 24 hours returns the copy again, even if the original was
    /// deleted.
    ///
    /// The preconditions apply to the original.
    ///
    /// # Errors
    ///
    /// The errors of [`IcpService::create`], [`ServiceError::NotFound`], [`ServiceError::Forbidden`] and
    /// [`ServiceError::Unreadable`].
    pub async fn copy(
        &self,
        caller: &Caller,
        id: IcpId,
        body: Option<Arc<str>>,
        key: Option<&RequestKey>,
        preconditions: &Preconditions<Version>,
    ) -> Result<Created, ServiceError> {
        let bound = key.map(|key| key.bind(&format!("copy {id}"), body.as_deref().unwrap_or_default()));
        let copy = match body {
            Some(body) => parse_for(caller, body, IcpCopy::from_json).await??,
            None => IcpCopy::default(),
        };
        match self.read_from_primary(caller, id, preconditions).await {
            Ok(original) => {
                let document = self.copy_document(caller, &original, copy).await?;
                self.insert(caller, document, bound).await
            }
            Err(error) => self.replay_or_fail(caller, bound, error).await,
        }
    }

    async fn copy_document(
        &self,
        caller: &Caller,
        original: &Arc<StoredIcp>,
        copy: IcpCopy,
    ) -> Result<IcpDocument, ServiceError> {
        let (id, by, now) = ((self.new_id)(), caller.user_id().clone(), self.clock.now());
        let (original, is_large) = (Arc::clone(original), original.json.len() > MAX_INLINE_TEXT_BYTES);
        let copied = move || {
            let original = Icp::from_json(&original.json, Rules::Stored).map_err(ServiceError::Unreadable)?;
            Ok::<_, ServiceError>(IcpDocument::from(copy.apply(&original, id, &by, now)?))
        };
        let document = CPU_THREADS.run(caller.user_id(), is_large, copied).await??;
        self.limits.check(&document, None)?;
        Ok(document)
    }
}
