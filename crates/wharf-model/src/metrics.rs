//! Metrics of container groups: points of one minute, and readings over longer intervals.

use jiff::Timestamp;

/// What was sampled in one minute of one series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Minutes since 1970.
    pub minute: u32,
    /// How many samples.
    pub count: u32,
    /// Their sum.
    pub sum: f32,
    /// The smallest.
    pub minimum: f32,
    /// The largest.
    pub maximum: f32,
}

impl Point {
    /// A minute with one sample.
    pub fn new(minute: u32, value: f32) -> Self {
        Self { minute, count: 1, sum: value, minimum: value, maximum: value }
    }

    /// Takes another point in.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
    }
}

/// The minute of a time.
pub fn minute(at: Timestamp) -> u32 {
    u32::try_from(at.as_second().div_euclid(60)).unwrap_or(0)
}

/// The readings of intervals of so many minutes from one minute to before another; `None` where
/// nothing was sampled. Each has the minute at which it begins.
pub fn readings(
    points: impl Iterator<Item = Point>,
    (from, to): (u32, u32),
    interval: u32,
) -> Vec<(u32, Option<Point>)> {
    let interval = interval.max(1);
    let count = to.saturating_sub(from).div_ceil(interval);
    let mut found: Vec<(u32, Option<Point>)> =
        (0..count).map(|n| (from + n * interval, None)).collect();
    for point in points.filter(|point| (from..to).contains(&point.minute)) {
        let place = usize::try_from((point.minute - from) / interval).unwrap_or(usize::MAX);
        match found.get_mut(place) {
            Some((_, Some(known))) => known.add(&point),
            Some((_, empty)) => *empty = Some(point),
            None => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_become_readings_and_gaps_stay() {
        let points = [(10, 1.0), (11, 3.0), (14, 5.0), (20, 9.0)];
        let points = points.map(|(minute, value)| Point::new(minute, value));
        let found = readings(points.into_iter(), (10, 16), 2);
        let shown: Vec<_> =
            found.iter().map(|(at, p)| (*at, p.map(|p| (p.count, p.sum, p.maximum)))).collect();
        assert_eq!(shown, [(10, Some((2, 4.0, 3.0))), (12, None), (14, Some((1, 5.0, 5.0)))]);
    }
}
