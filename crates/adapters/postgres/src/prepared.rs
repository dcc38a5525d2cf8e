//! Macros for SQL queries that diesel's query builder cannot express. Diesel checks the types of the values of these
//! queries. Each connection prepares each query once, unless its text varies.

/// Declares the result type of a query, and identifies its prepared statement by the type of the query. Each connection
/// prepares the statement once. A query whose text varies must call `unsafe_to_cache_prepared` for its variants.
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

/// Implements a query for a struct with one lifetime parameter. `Name(pattern) -> Type` names the struct, a pattern
/// that binds its values, and the result type. Parts of the SQL text follow. After each part, `, SqlType = value` binds
/// a value.
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
