use async_trait::async_trait;
use diesel::{ExpressionMethods as _, QueryDsl as _, QueryResult, RunQueryDsl as _, SqliteConnection};
use icp_domain::{ListScope, WireList};
use icp_ports::{Health, HealthCheck, IcpRepository, RepositoryError};

use crate::database::SqliteDatabase;
use crate::schema::{icp_members, icps};

#[async_trait]
impl IcpRepository for SqliteDatabase {
    async fn list(&self, scope: &ListScope) -> Result<WireList, RepositoryError> {
        let member = scope.member().clone();
        self.readers.run(move |connection| list(connection, member.as_str())).await
    }
}

#[async_trait]
impl HealthCheck for SqliteDatabase {
    async fn health(&self) -> Health {
        let probe = |connection: &mut SqliteConnection| {
            icps::table.select(icps::number).first::<i64>(connection).map(drop).or_else(none_is_fine)
        };
        let within = tokio::time::timeout(std::time::Duration::from_secs(2), self.readers.run(probe));
        match within.await {
            Ok(Ok(())) => Health::Ok,
            _ => Health::Unavailable,
        }
    }
}

fn list(connection: &mut SqliteConnection, member: &str) -> QueryResult<WireList> {
    icp_members::table
        .inner_join(icps::table)
        .filter(icp_members::user_id.eq(member))
        .order((icp_members::created_at, icp_members::icp_id))
        .select(icps::document)
        .load_iter::<String, _>(connection)?
        .collect()
}

fn none_is_fine(error: diesel::result::Error) -> QueryResult<()> {
    if error == diesel::result::Error::NotFound { Ok(()) } else { Err(error) }
}
