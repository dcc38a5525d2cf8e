//! Rows into tables by `COPY`, PostgreSQL's fastest way in.

use std::pin::pin;

use icp_domain::{IcpDocument, Timestamp};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Transaction};

const ICPS: &str = "COPY icps (id, name, created_at, updated_at, active_until, document, name_folded, providers) FROM STDIN (FORMAT binary)";
const MEMBERS: &str = "COPY icp_members (user_id, created_at, icp_id) FROM STDIN (FORMAT binary)";

pub(crate) async fn icps(transaction: &Transaction<'_>, documents: &[&IcpDocument]) -> Result<(), Error> {
    const TYPES: [Type; 8] = [
        Type::UUID,
        Type::TEXT,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
    ];
    let mut writer = pin!(BinaryCopyInWriter::new(transaction.copy_in(ICPS).await?, &TYPES));
    for document in documents {
        writer
            .as_mut()
            .write(&[
                &document.id().as_uuid(),
                &document.name(),
                &document.created_at().as_datetime(),
                &document.updated_at().as_datetime(),
                &document.active_until().map(Timestamp::as_datetime),
                &document.json(),
                &document.folded_name(),
                &document.providers().as_str(),
            ])
            .await?;
    }
    writer.finish().await.map(drop)
}

pub(crate) async fn members(transaction: &Transaction<'_>, documents: &[&IcpDocument]) -> Result<(), Error> {
    const TYPES: [Type; 3] = [Type::TEXT, Type::TIMESTAMPTZ, Type::UUID];
    let mut writer = pin!(BinaryCopyInWriter::new(transaction.copy_in(MEMBERS).await?, &TYPES));
    for document in documents {
        for member in document.members() {
            writer
                .as_mut()
                .write(&[&member.as_str(), &document.created_at().as_datetime(), &document.id().as_uuid()])
                .await?;
        }
    }
    writer.finish().await.map(drop)
}
