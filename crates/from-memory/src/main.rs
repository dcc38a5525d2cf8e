//! Responds with bytes from memory. `cargo xtask bench` compares the service with this program, which is as fast as
//! actix-web can be.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use actix_web::web::{Bytes, Data, Path as Segment, get};
use actix_web::{App, HttpResponse, HttpServer};

type Bodies = HashMap<String, Bytes>;

/// Serves the files of the folder that the first argument names. The path of a request is the name of a file.
#[actix_web::main]
async fn main() -> io::Result<()> {
    let folder = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    let bodies = Data::from(Arc::new(read_bodies(Path::new(&folder))?));
    let server =
        HttpServer::new(move || App::new().app_data(bodies.clone()).route("/{name}", get().to(body)));
    let server = server.disable_signals().bind(("127.0.0.1", 0))?;
    for address in server.addrs() {
        println!("from-memory listens on http://{address}");
    }
    server.run().await
}

async fn body(name: Segment<String>, bodies: Data<Bodies>) -> HttpResponse {
    match bodies.get(name.as_str()) {
        Some(body) => HttpResponse::Ok().content_type("application/json").body(body.clone()),
        None => HttpResponse::NotFound().finish(),
    }
}

fn read_bodies(folder: &Path) -> io::Result<Bodies> {
    let mut bodies = Bodies::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bodies.insert(entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?.into());
    }
    Ok(bodies)
}
