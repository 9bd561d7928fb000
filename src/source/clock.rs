//! How interfaces count time.

use crate::model::Timestamp;

/// How an interface counts time: turns its units into nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    unit: Unit,
    /// Nanoseconds to add.
    offset: i64,
}

#[derive(Clone, Copy, Debug)]
enum Unit {
    /// So many nanoseconds.
    Nanos(u64),
    /// So many of them are a nanosecond; none where it is more than 128 bits can tell.
    PerNano(Option<u128>),
    /// Two to the power of this many are a second.
    Binary(u8),
}

impl Clock {
    /// From the options `if_tsresol` and `if_tsoffset`.
    pub fn new(resolution: u8, offset: i64) -> Self {
        let power = resolution & 0x7f;
        let unit = match power {
            _ if resolution & 0x80 != 0 => Unit::Binary(power),
            0..=9 => Unit::Nanos(10_u64.pow(9 - u32::from(power))),
            _ => Unit::PerNano(10_u128.checked_pow(u32::from(power) - 9)),
        };
        Self {
            unit,
            offset: offset.saturating_mul(1_000_000_000),
        }
    }

    /// What does not fit is held at the nearest limit.
    #[inline(always)]
    pub fn time(self, units: u64) -> Timestamp {
        if let Unit::Nanos(each) = self.unit
            && let Some(nanos) = units.checked_mul(each)
            && let Ok(nanos) = i64::try_from(nanos)
        {
            return Timestamp(nanos.saturating_add(self.offset));
        }
        self.odd_time(units)
    }

    #[cold]
    fn odd_time(self, units: u64) -> Timestamp {
        let units = u128::from(units);
        let nanos = match self.unit {
            Unit::Nanos(each) => units * u128::from(each),
            Unit::PerNano(count) => count.map_or(0, |count| units / count),
            Unit::Binary(power) => (units * 1_000_000_000) >> power,
        };
        let nanos = i128::try_from(nanos)
            .unwrap_or(i128::MAX)
            .saturating_add(self.offset.into());
        Timestamp(nanos.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resolution_becomes_nanoseconds() {
        let time = |resolution, offset, units| Clock::new(resolution, offset).time(units).0;
        assert_eq!(time(6, 0, 1_000_001), 1_000_001_000); // microseconds, the default
        assert_eq!(time(9, 0, 7), 7);
        assert_eq!(time(0, 0, 7), 7_000_000_000);
        assert_eq!(time(12, 0, 7_999), 7); // picoseconds
        assert_eq!(time(0x80 | 10, 0, 1_536), 1_500_000_000); // 1/1024 s
        assert_eq!(time(0x80, 0, 3), 3_000_000_000);
        assert_eq!(time(6, -1, 0), -1_000_000_000);
        assert_eq!(time(6, 2, 5), 2_000_005_000);
    }

    #[test]
    fn absurd_resolutions_and_times_are_held_at_a_limit() {
        let time = |resolution, offset, units| Clock::new(resolution, offset).time(units).0;
        assert_eq!(time(0, 0, u64::MAX), i64::MAX);
        assert_eq!(time(127, 0, u64::MAX), 0);
        assert_eq!(time(0xff, 0, u64::MAX), 0);
        assert_eq!(time(9, i64::MAX, 1), i64::MAX);
        assert_eq!(time(0, i64::MIN, 1), i64::MIN + 1_000_000_000);
    }
}
