use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// The current value of a metric that an adapter provides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// The name without the prefix `icp_` and without the suffix `_total` of counters. If the value has a unit, the
    /// name ends with it. Readings that differ only in their labels have the same name.
    pub name: &'static str,
    /// The description, without a full stop.
    pub help: &'static str,
    /// The names and values of the labels.
    pub labels: &'static [(&'static str, &'static str)],
    /// The value.
    pub value: Value,
}

/// A value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A value that can increase and decrease.
    Gauge(f64),
    /// A value that only increases, from 0 at the start of the process.
    Counter(u64),
}

impl Value {
    fn encode(self, encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        match self {
            Self::Gauge(value) => ConstGauge::new(value).encode(encoder),
            Self::Counter(value) => ConstCounter::new(value).encode(encoder),
        }
    }
}

/// A function that returns the current readings of an adapter.
pub type Source = Arc<dyn Fn() -> Vec<Reading> + Send + Sync>;

/// The readings of all adapters.
pub(super) struct Readings(pub(super) Vec<Source>);

impl fmt::Debug for Readings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Readings").finish_non_exhaustive()
    }
}

impl Collector for Readings {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut by_name: BTreeMap<_, Vec<Reading>> = BTreeMap::new();
        for reading in self.0.iter().flat_map(|source| source()) {
            by_name.entry(reading.name).or_default().push(reading);
        }
        for (name, readings) in by_name {
            let Some(first) = readings.first() else { continue };
            let kind = match first.value {
                Value::Gauge(_) => MetricType::Gauge,
                Value::Counter(_) => MetricType::Counter,
            };
            let mut family = encoder.encode_descriptor(name, first.help, None, kind)?;
            // `encode_family` would write empty braces if there are no labels.
            if first.labels.is_empty() {
                first.value.encode(family)?;
                continue;
            }
            for reading in &readings {
                reading.value.encode(family.encode_family(&reading.labels)?)?;
            }
        }
        Ok(())
    }
}
