//! The values of a query, as PostgreSQL takes them.
//!
//! Diesel puts queries together and checks their types; tokio-postgres sends them. Going through it directly is what allows a
//! query without a prepared statement, which poolers need, and a row that is read where it lies.

use diesel::pg::{Pg, PgMetadataLookup, PgTypeMetadata};
use diesel::query_builder::QueryFragment;
use diesel::query_builder::bind_collector::RawBytesBindCollector;
use diesel::result::Error as DieselError;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::error::QueryError;

/// The values of a query, in the order of its parameters.
pub(crate) struct Binds {
    types: Vec<Type>,
    values: Vec<Value>,
}

impl Binds {
    pub(crate) fn of(query: &impl QueryFragment<Pg>) -> Result<Self, QueryError> {
        let mut collector = RawBytesBindCollector::<Pg>::new();
        query.collect_binds(&mut collector, &mut BuiltIn, &Pg)?;
        let types = collector.metadata.iter().map(type_of).collect::<Result<_, _>>()?;
        let values = collector.binds.into_iter().map(Value).collect();
        Ok(Self { types, values })
    }

    pub(crate) fn types(&self) -> &[Type] {
        &self.types
    }

    /// For a statement that knows their types.
    pub(crate) fn into_values(self) -> Vec<Value> {
        self.values
    }

    /// For one that does not.
    pub(crate) fn into_typed(self) -> impl Iterator<Item = (Value, Type)> {
        self.values.into_iter().zip(self.types)
    }
}

fn type_of(metadata: &PgTypeMetadata) -> Result<Type, QueryError> {
    let of_oid = metadata.oid().ok().and_then(Type::from_oid);
    of_oid
        .ok_or_else(|| DieselError::QueryBuilderError("a value of a type that is not built in".into()).into())
}

/// There are no types here but PostgreSQL's own, whose numbers never change.
struct BuiltIn;

impl PgMetadataLookup for BuiltIn {
    fn lookup_type(&mut self, _: &str, _: Option<&str>) -> PgTypeMetadata {
        PgTypeMetadata::new(0, 0)
    }
}

/// A value that diesel has written already.
#[derive(Debug)]
pub(crate) struct Value(Option<Vec<u8>>);

impl ToSql for Value {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match &self.0 {
            Some(bytes) => {
                out.extend_from_slice(bytes);
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
