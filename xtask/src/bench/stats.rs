//! The few statistics that the benchmarks need.

/// The middle value, or the mean of the two in the middle; 0 of none.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.len(), values.len() % 2) {
        (0, _) => 0.0,
        (_, 1) => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// The smallest of `sorted` values that is not exceeded by this share of them, from 0 to 1; 0 of
/// none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a rank among values that fit memory"
)]
pub(super) fn percentile(sorted: &[u32], share: f64) -> u32 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.max(1) - 1).or(sorted.last()).copied().unwrap_or(0)
}

/// The median of the ratios of values that were measured at about the same time, which a busy
/// minute of the machine changes less than the ratio of medians.
pub(super) fn median_ratio(
    of: impl IntoIterator<Item = f64>,
    to: impl IntoIterator<Item = f64>,
) -> f64 {
    median(of.into_iter().zip(to).map(|(of, to)| ratio(of, to)))
}

/// `of` in relation to `to`; 0 where there is nothing to relate to.
pub(super) fn ratio(of: f64, to: f64) -> f64 {
    if to == 0.0 { 0.0 } else { of / to }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        assert_eq!(median([3.0, 1.0, 100.0]), 3.0);
        assert_eq!(median([4.0, 1.0, 2.0, 100.0]), 3.0);
        assert_eq!(median([7.0]), 7.0);
        assert_eq!(median([]), 0.0);
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<u32> = (1..=200).collect();
        let found = [0.0, 0.5, 0.99, 1.0].map(|share| percentile(&values, share));
        assert_eq!(found, [1, 100, 198, 200]);
        assert_eq!(percentile(&[7], 0.99), 7);
        assert_eq!(percentile(&[], 0.5), 0);
    }

    #[test]
    fn ratios_are_taken_between_neighbours() {
        // The machine was ten times slower during the second run, and twice as slow in the third.
        assert_eq!(median_ratio([200.0, 22.0, 100.0], [100.0, 10.0, 50.0]), 2.0);
    }

    #[test]
    fn a_ratio_to_nothing_is_nothing() {
        assert_eq!(ratio(3.0, 2.0), 1.5);
        assert_eq!(ratio(3.0, 0.0), 0.0);
    }
}
