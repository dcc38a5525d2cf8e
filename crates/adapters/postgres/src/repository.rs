use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use diesel::{ExpressionMethods as _, QueryDsl as _, QueryResult};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use futures_util::TryStreamExt as _;
use icp_domain::{ListScope, WireList};
use icp_ports::{Health, HealthCheck, IcpRepository, RepositoryError};

use crate::database::PostgresDatabase;
use crate::schema::{icp_members, icps};

#[async_trait]
impl IcpRepository for PostgresDatabase {
    async fn list(&self, scope: &ListScope) -> Result<WireList, RepositoryError> {
        let member = scope.member().as_str();
        self.connections.read(|connection| list(connection, member)).await
    }
}

#[async_trait]
impl HealthCheck for PostgresDatabase {
    async fn health(&self) -> Health {
        let probe = self.connections.read(probe);
        match tokio::time::timeout(Duration::from_secs(2), probe).await {
            Ok(Ok(())) => Health::Ok,
            _ => Health::Unavailable,
        }
    }
}

/// One walk along the primary key of `icp_members`, which is the order of the list, and a look-up by id for each.
async fn list(connection: Arc<AsyncPgConnection>, member: &str) -> QueryResult<WireList> {
    let documents = icp_members::table
        .inner_join(icps::table)
        .filter(icp_members::user_id.eq(member))
        .order((icp_members::created_at, icp_members::icp_id))
        .select(icps::document)
        .load_stream::<String>(&mut &*connection)
        .await?;
    documents
        .try_fold(WireList::default(), async |mut list, document| {
            list.push(&document);
            Ok(list)
        })
        .await
}

async fn probe(connection: Arc<AsyncPgConnection>) -> QueryResult<()> {
    diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("1"))
        .get_result::<i32>(&mut &*connection)
        .await
        .map(drop)
}
