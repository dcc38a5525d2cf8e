use async_trait::async_trait;
use icp_domain::{Icp, IcpDocument};
use icp_ports::{BoxError, ImportExport, ImportExportError, ImportSource, OnConflict};

/// The list in the API's reference page.
const SAMPLE_ICPS: &str = include_str!("../../../docs/reference/contract/example-list-icps.json");

/// Imports the sample ICPs that are not stored yet.
///
/// # Errors
///
/// If the storage fails.
pub async fn store_samples(storage: &dyn ImportExport) -> Result<(), ImportExportError> {
    storage.import(&mut Samples::default(), OnConflict::Skip, false).await.map(drop)
}

/// A source that returns all sample ICPs in its only batch.
#[derive(Default)]
struct Samples {
    was_returned: bool,
}

#[async_trait]
impl ImportSource for Samples {
    async fn next_batch(&mut self) -> Result<Option<Vec<IcpDocument>>, BoxError> {
        if std::mem::replace(&mut self.was_returned, true) {
            return Ok(None);
        }
        let icps: Vec<Icp> = serde_json::from_str(SAMPLE_ICPS)?;
        Ok(Some(icps.into_iter().map(IcpDocument::from).collect()))
    }
}
