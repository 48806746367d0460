//! Median, smallest and largest of what was measured. Integers throughout: microseconds, vbytes.

use std::time::Duration;

use crate::timing::Measured;

/// What was measured of all swaps one way.
#[derive(Default)]
pub(crate) struct Figures {
    accepted: Vec<Duration>,
    funded: Vec<Duration>,
    claimed: Vec<Duration>,
    funding: Vec<u64>,
    funding_more_inputs: Vec<u64>,
    claim: Vec<u64>,
}

impl Figures {
    pub(crate) fn add(&mut self, measured: &Measured) {
        self.accepted.push(measured.accepted);
        self.funded.push(measured.funded);
        self.claimed.push(measured.claimed);
        let (size, inputs) = measured.funding;
        if inputs == 1 {
            self.funding.push(size);
        } else {
            self.funding_more_inputs.push(size);
        }
        self.claim.push(measured.claim);
    }

    pub(crate) fn print(&self, way: &str) {
        let named = |what: &str| format!("{way}: {what}");
        row(&named("order sent to accepted"), "ms", &self.accepted);
        row(&named("accepted to funding in mempool"), "ms", &self.funded);
        row(
            &named("last confirmation to claim in mempool"),
            "ms",
            &self.claimed,
        );
        sizes(&named("funding, one P2TR input"), &self.funding);
        sizes(&named("funding, more inputs"), &self.funding_more_inputs);
        sizes(&named("claim"), &self.claim);
    }
}

pub(crate) fn heading() {
    println!(
        "\n{:<45} {:>4} {:>5} {:>9} {:>9} {:>9}",
        "", "unit", "n", "median", "min", "max"
    );
}

/// A row of times.
pub(crate) fn row(what: &str, unit: &str, times: &[Duration]) {
    let mut micros: Vec<u128> = times.iter().map(Duration::as_micros).collect();
    micros.sort_unstable();
    let tenths = |micros: u128| format!("{}.{}", micros / 1000, micros / 100 % 10);
    print(what, unit, &micros, tenths);
}

fn sizes(what: &str, sizes: &[u64]) {
    let mut sizes: Vec<u128> = sizes.iter().map(|size| u128::from(*size)).collect();
    sizes.sort_unstable();
    print(what, "vB", &sizes, |size| size.to_string());
}

fn print(what: &str, unit: &str, sorted: &[u128], show: impl Fn(u128) -> String) {
    let (Some(&least), Some(&most)) = (sorted.first(), sorted.last()) else {
        return;
    };
    let middle = sorted.len() / 2;
    let median = if sorted.len().is_multiple_of(2) {
        (sorted[middle - 1] + sorted[middle]) / 2
    } else {
        sorted[middle]
    };
    println!(
        "{what:<45} {unit:>4} {:>5} {:>9} {:>9} {:>9}",
        sorted.len(),
        show(median),
        show(least),
        show(most)
    );
}
