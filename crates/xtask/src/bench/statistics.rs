/// The middle one, or between the two in the middle.
pub(super) fn median(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get(sorted.len().checked_sub(1)? / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

/// Half of what lies between the lowest and the highest, as a part of the median.
pub(super) fn spread(numbers: &[f64]) -> Option<f64> {
    let median = median(numbers)?;
    let highest = numbers.iter().copied().reduce(f64::max)?;
    let lowest = numbers.iter().copied().reduce(f64::min)?;
    (median > 0.0).then(|| (highest - lowest) / 2.0 / median)
}

/// The median of the ratios of what was measured in the same rounds: what slows down a round slows down both.
pub(super) fn ratio(numbers: &[f64], limits: &[f64]) -> Option<f64> {
    let ratios: Vec<_> = numbers.iter().zip(limits).map(|(number, limit)| number / limit).collect();
    median(&ratios)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }

    #[test]
    fn the_spread_is_a_part_of_the_median() {
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[5.0, 5.0]), Some(0.0));
        assert_eq!(spread(&[90.0, 100.0, 120.0]), Some(0.15));
    }

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        // A machine that was half as fast in the second round changes nothing.
        assert_eq!(ratio(&[80.0, 40.0, 80.0], &[100.0, 50.0, 100.0]), Some(0.8));
        assert_eq!(ratio(&[], &[1.0]), None);
    }
}
