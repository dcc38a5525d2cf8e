//! Measures how fast the body of a list is built from the stored texts: `cargo bench -p icp-json`.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use icp_json::WireList;

/// An ICP of typical size, in canonical form.
const ICP: &str = include_str!("../../domain/benches/icp.json");

fn main() {
    divan::main();
}

#[divan::bench(args = [5, 1_000])]
fn list(bencher: Bencher<'_, '_>, icps: usize) {
    let texts = vec![ICP; icps];
    let list = || black_box(&texts).iter().collect::<WireList>().into_pieces();
    bencher.counter(BytesCount::new(ICP.len() * icps)).bench(list);
}
