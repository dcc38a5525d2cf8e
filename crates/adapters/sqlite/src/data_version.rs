//! Whether anything was written since.

use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, RunQueryDsl, SqliteConnection};

/// A number that a connection gives once more as long as no other has committed anything, be it of this process or not
/// (<https://sqlite.org/pragma.html#pragma_data_version>). Its own commits do not count.
pub(crate) fn data_version(connection: &mut SqliteConnection) -> QueryResult<i64> {
    DataVersion.get_result(connection)
}

/// Of a type that is known to diesel, which therefore prepares it once a connection.
#[derive(QueryId)]
struct DataVersion;

impl Query for DataVersion {
    type SqlType = BigInt;
}

impl QueryFragment<Sqlite> for DataVersion {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("PRAGMA data_version");
        Ok(())
    }
}

impl RunQueryDsl<SqliteConnection> for DataVersion {}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection as _;

    use super::data_version;
    use crate::connections;

    #[test]
    fn every_commit_of_another_connection_shows() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let (mut reader, mut writer) = (connections::open(&path).unwrap(), connections::open(&path).unwrap());
        writer.batch_execute("CREATE TABLE numbers (number)").expect("it writes");
        for number in 0..3 {
            let before = data_version(&mut reader).expect("it says");
            assert_eq!(data_version(&mut reader).expect("it says"), before);
            writer.batch_execute("BEGIN IMMEDIATE; INSERT INTO numbers VALUES (1)").expect("it writes");
            assert_eq!(data_version(&mut reader).expect("it says"), before, "nothing is committed yet");
            writer.batch_execute("COMMIT").expect("it commits");
            assert_ne!(data_version(&mut reader).expect("it says"), before, "commit {number}");
        }
    }
}
