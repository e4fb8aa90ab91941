//! Medians, and how far they can be trusted.

/// The middle of some samples and how far they spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    /// A quarter of the samples is below it.
    pub(super) lower_quartile: f64,
    /// A quarter of the samples is above it.
    pub(super) upper_quartile: f64,
    /// The standard error of the median.
    pub(super) standard_error: f64,
}

impl Spread {
    /// Of samples that were taken in several series. Nothing when there is none.
    ///
    /// The samples of a series have something in common, such as where in memory its processes happen
    /// to lie, which more of them do not average out. So the median is as uncertain as the series
    /// disagree, if that is more than what the samples say.
    pub(super) fn of_series(series: &[Vec<f64>]) -> Option<Self> {
        let mut spread = Self::of(series.iter().flatten().copied())?;
        let medians: Vec<f64> =
            series.iter().filter_map(|series| median(series.iter().copied())).collect();
        spread.standard_error = spread.standard_error.max(standard_error_of_mean(&medians));
        Some(spread)
    }

    /// Nothing when there is no sample.
    pub(super) fn of(samples: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = samples.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let lower_quartile = quantile(&sorted, 0.25)?;
        let upper_quartile = quantile(&sorted, 0.75)?;
        // Of normally distributed samples: their deviation is the range between the quartiles over
        // 1.349, and their median deviates by sqrt(π/2) of what their mean does. Quartiles, unlike the
        // deviation itself, do not mind the round in which something else took the processor.
        let deviation = (upper_quartile - lower_quartile) / 1.349;
        let standard_error = 1.2533 * deviation / (sorted.len() as f64).sqrt();
        let median = quantile(&sorted, 0.5)?;
        Some(Self { median, lower_quartile, upper_quartile, standard_error })
    }

    /// This one's median over that of another, with its standard error.
    pub(super) fn over(&self, other: &Self) -> Estimate {
        let value = self.median / other.median;
        let relative =
            (self.standard_error / self.median).hypot(other.standard_error / other.median);
        Estimate { value, standard_error: (value * relative).abs() }
    }

    /// How much more this one's median is than that of another, with its standard error.
    pub(super) fn minus(&self, other: &Self) -> Estimate {
        Estimate {
            value: self.median - other.median,
            standard_error: self.standard_error.hypot(other.standard_error),
        }
    }
}

/// A number that was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    pub(super) value: f64,
    pub(super) standard_error: f64,
}

/// The median of some samples, if there is one.
pub(super) fn median(samples: impl IntoIterator<Item = f64>) -> Option<f64> {
    Spread::of(samples).map(|spread| spread.median)
}

/// Zero for fewer than two samples, of which nothing is known.
fn standard_error_of_mean(samples: &[f64]) -> f64 {
    let count = samples.len() as f64;
    if samples.len() < 2 {
        return 0.0;
    }
    let mean = samples.iter().sum::<f64>() / count;
    let squares: f64 = samples.iter().map(|sample| (sample - mean).powi(2)).sum();
    (squares / (count - 1.0) / count).sqrt()
}

/// Interpolates between the two samples next to the place.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let below = sorted.get(place.floor() as usize)?;
    let above = sorted.get(place.ceil() as usize)?;
    Some(below + (above - below) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_of_samples_is_between_the_middle_two() {
        assert_eq!(median([4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([]), None);
    }

    #[test]
    fn a_wild_sample_moves_neither_median_nor_quartiles_far() {
        let calm = Spread::of([1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let wild = Spread::of([1.0, 2.0, 3.0, 4.0, 5000.0]).unwrap();
        assert_eq!(calm, wild);
        assert_eq!((calm.lower_quartile, calm.median, calm.upper_quartile), (2.0, 3.0, 4.0));
    }

    #[test]
    fn four_times_the_samples_halve_the_standard_error() {
        let few = Spread::of((0..100).map(|i| f64::from(i % 10))).unwrap();
        let many = Spread::of((0..400).map(|i| f64::from(i % 10))).unwrap();
        let ratio = few.standard_error / many.standard_error;
        assert!((ratio - 2.0).abs() < 0.05, "{ratio}");
    }

    #[test]
    fn series_that_disagree_make_the_median_uncertain() {
        let agreeing = Spread::of_series(&[vec![1.0, 2.0, 3.0], vec![1.0, 2.0, 3.0]]).unwrap();
        assert_eq!(agreeing, Spread::of([1.0, 2.0, 3.0, 1.0, 2.0, 3.0]).unwrap());

        let disagreeing = Spread::of_series(&[vec![2.0; 50], vec![4.0; 50]]).unwrap();
        assert_eq!(disagreeing.median, 3.0);
        assert!((disagreeing.standard_error - 1.0).abs() < 1e-9, "{disagreeing:?}");
        assert!(Spread::of([2.0; 50]).unwrap().standard_error.abs() < 1e-9);
    }

    #[test]
    fn a_ratio_is_as_uncertain_as_both_of_its_sides() {
        let side = |median| Spread {
            median,
            lower_quartile: median,
            upper_quartile: median,
            standard_error: median * 0.1,
        };
        let ratio = side(6.0).over(&side(3.0));
        assert_eq!(ratio.value, 2.0);
        assert!((ratio.standard_error - 2.0 * 0.02_f64.sqrt()).abs() < 1e-9, "{ratio:?}");
        let difference = side(6.0).minus(&side(3.0));
        assert_eq!(difference.value, 3.0);
        assert!((difference.standard_error - 0.45_f64.sqrt()).abs() < 1e-9, "{difference:?}");
    }
}
