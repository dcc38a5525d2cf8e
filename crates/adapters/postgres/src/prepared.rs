//! Macros for SQL queries that diesel's query builder cannot express. Diesel checks the types of the values of these
//! queries, and each connection prepares each query once.

/// Declares that the text of a query is always the same, so that each connection prepares it once.
macro_rules! prepared_once {
    ($name:ident -> $result:ty) => {
        impl diesel::query_builder::QueryId for $name<'_> {
            type QueryId = $name<'static>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl diesel::query_builder::Query for $name<'_> {
            type SqlType = $result;
        }
    };
}
pub(crate) use prepared_once;

/// Declares a query: its name, its result type, and parts of its SQL text. After each part, a value with its SQL type
/// may follow.
macro_rules! prepared_query {
    ($name:ident($query:pat) -> $result:ty, $($sql:literal $(, $sql_type:ty = $value:expr)?);+ $(;)?) => {
        $crate::prepared::prepared_once!($name -> $result);

        impl diesel::query_builder::QueryFragment<diesel::pg::Pg> for $name<'_> {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
            ) -> diesel::QueryResult<()> {
                let $query = self;
                $(
                    out.push_sql($sql);
                    $(out.push_bind_param::<$sql_type, _>($value)?;)?
                )+
                Ok(())
            }
        }
    };
}
pub(crate) use prepared_query;
