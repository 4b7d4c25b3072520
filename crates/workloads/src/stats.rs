//! Percentiles of measured durations.

use std::time::Duration;

/// Durations that were measured under the same conditions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn push(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    pub(crate) fn extend(&mut self, others: Latencies) {
        self.0.extend(others.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The smallest duration that at least `percent` % of all do not exceed; `None` when there are none.
    pub(crate) fn percentile(&self, percent: f64) -> Option<Duration> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied()
    }

    /// A percentile in milliseconds, 0 when there is none.
    pub(crate) fn millis(&self, percent: f64) -> f64 {
        self.percentile(percent).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
    }
}

/// The middle of some figures; of two middles the lower one.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(millis: impl IntoIterator<Item = u64>) -> Latencies {
        Latencies(millis.into_iter().map(Duration::from_millis).collect())
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let hundred = latencies((1..=100).rev());
        assert_eq!(hundred.percentile(50.0), Some(Duration::from_millis(50)));
        assert_eq!(hundred.percentile(95.0), Some(Duration::from_millis(95)));
        assert_eq!(hundred.percentile(99.0), Some(Duration::from_millis(99)));
        assert_eq!(hundred.percentile(100.0), Some(Duration::from_millis(100)));
        assert_eq!(latencies([7]).percentile(1.0), Some(Duration::from_millis(7)));
        assert_eq!(latencies([1, 2, 3]).percentile(99.0), Some(Duration::from_millis(3)));
        assert_eq!(latencies([]).percentile(50.0), None);
        assert_eq!(latencies([3]).millis(50.0), 3.0);
    }

    #[test]
    fn the_median_is_a_figure_that_was_measured() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0]), 1.0);
        assert_eq!(median(&[]), 0.0);
    }
}
