//! Extracts the files of Swagger UI that the documentation page needs from the archive of a crate.
//!
//! The script does not decompress the files. A zip archive and a gzip file contain the same deflate stream with
//! different headers, and browsers accept gzip.

use std::error::Error;
use std::io::{Cursor, Read as _};
use std::path::Path;

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::{CompressionMethod, ZipArchive};

/// Paths of the files to extract, relative to the only folder of the archive.
const FILES: [&str; 3] = ["dist/swagger-ui-bundle.js", "dist/swagger-ui.css", "LICENSE"];

/// RFC 1952, section 2.3: deflate, no flags, no time, maximum compression, unknown system.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let out = std::env::var("OUT_DIR")?;
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    let first = archive.file_names().next().ok_or("the archive is empty")??.into_owned();
    let folder = first.split('/').next().unwrap_or_default();
    let version = folder.strip_prefix("swagger-ui-").ok_or("the archive does not contain Swagger UI")?;
    println!("cargo::rustc-env=SWAGGER_UI_VERSION={version}");
    for file in FILES {
        let content =
            gzip(&mut archive, &format!("{folder}/{file}")).map_err(|error| format!("{file}: {error}"))?;
        let name = Path::new(file).file_name().ok_or("the file has no name")?;
        std::fs::write(Path::new(&out).join(name).with_added_extension("gz"), content)?;
    }
    Ok(())
}

/// Returns a file of an archive in gzip format.
fn gzip(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let index = archive.index_for_name(name).ok_or("the file is not in the archive")?;
    let mut file = archive.by_index_raw(index)?;
    if file.compression() != CompressionMethod::DEFLATE {
        return Err("the file is not compressed with deflate".into());
    }
    let mut content = GZIP_HEADER.to_vec();
    file.read_to_end(&mut content)?;
    content.extend(file.crc32().to_le_bytes());
    content.extend(u32::try_from(file.size())?.to_le_bytes());
    Ok(content)
}
