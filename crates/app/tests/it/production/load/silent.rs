//! Opens connections to the TLS port that send nothing, and opens each connection again when the service closes it.

use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::service::encryption::Identity;

const CONNECTIONS: usize = 1_500;
const DURATION: Duration = Duration::from_secs(6);
/// The limit of the response time of a debug build. Without limits on silent connections, the service would accept no
/// new connection for seconds.
const MAX_RESPONSE_TIME: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes ten seconds: cargo xtask test --all"]
async fn silent_connections_do_not_block_new_connections() {
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    let identity = Identity::write(folder.path());
    let service = identity.setup().with("ICP__LOG__LEVEL", "warn").start();
    let address = service.address.trim_start_matches("https://").to_owned();
    let silent: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let address = address.clone();
            tokio::spawn(async move {
                while let Ok(mut stream) = TcpStream::connect(&address).await {
                    let _ = stream.read(&mut [0]).await;
                }
            })
        })
        .collect();
    sleep(Duration::from_secs(1)).await;
    let (start, mut longest) = (Instant::now(), Duration::ZERO);
    while start.elapsed() < DURATION {
        let sent = Instant::now();
        assert!(identity.is_used_by(&service.address).await);
        longest = longest.max(sent.elapsed());
        sleep(Duration::from_millis(100)).await;
    }
    println!("the longest handshake and response took {longest:?}");
    silent.iter().for_each(tokio::task::JoinHandle::abort);
    assert!(longest < MAX_RESPONSE_TIME, "the longest handshake and response took {longest:?}");
}
