use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use icp_ports::{HealthCheck, Measured, Measurement};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// What adapters say of themselves.
pub(super) struct Gathered(pub(super) Vec<Arc<dyn HealthCheck>>);

impl fmt::Debug for Gathered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Gathered").finish_non_exhaustive()
    }
}

impl Collector for Gathered {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        // Those of one name stand together.
        let mut by_name: BTreeMap<_, Vec<Measurement>> = BTreeMap::new();
        for measurement in self.0.iter().flat_map(|source| source.measurements()) {
            by_name.entry(measurement.name).or_default().push(measurement);
        }
        for (name, measurements) in by_name {
            let Some(first) = measurements.first() else { continue };
            let kind = match first.value {
                Measured::Gauge(_) => MetricType::Gauge,
                Measured::Counter(_) => MetricType::Counter,
            };
            let mut family = encoder.encode_descriptor(name, first.help, None, kind)?;
            for measurement in &measurements {
                let labels = measurement.labels;
                match measurement.value {
                    Measured::Gauge(value) => {
                        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
                    }
                    Measured::Counter(value) => {
                        ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
                    }
                }
            }
        }
        Ok(())
    }
}
