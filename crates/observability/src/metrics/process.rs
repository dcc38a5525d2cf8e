//! Metrics of the process. The registry adds the prefix `icp_process_`. Without `icp_`, these are the usual names in
//! Prometheus, such as `process_open_fds`. The metrics exist on Linux only.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

pub(super) fn register(registry: &mut Registry) {
    registry.register_collector(Box::new(Process));
}

#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (name, help, value) in [
            ("resident_memory_bytes", "Memory in use", resident_memory()),
            ("open_fds", "Open file descriptors", open_files()),
            ("threads", "Threads", status_line("Threads:")),
        ] {
            if let Some(value) = value {
                let gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
                ConstGauge::new(value).encode(gauge)?;
            }
        }
        Ok(())
    }
}

fn resident_memory() -> Option<u64> {
    status_line("VmRSS:").map(|kibibytes| kibibytes * 1_024)
}

fn open_files() -> Option<u64> {
    std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64)
}

/// Returns the first number in the line of `/proc/self/status` that begins with `name`.
fn status_line(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}
