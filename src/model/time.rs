//! Points in time, as captures tell them.

use std::fmt;

/// Nanoseconds since 1970-01-01T00:00:00Z, as the capture says; reaches from 1677 to 2262.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(pub i64);

const NANOS: i64 = 1_000_000_000;

impl Timestamp {
    /// From whole seconds and nanoseconds; what does not fit is held at the nearest limit.
    #[must_use]
    pub fn new(seconds: i64, nanos: u32) -> Self {
        Self(
            seconds
                .saturating_mul(NANOS)
                .saturating_add(i64::from(nanos)),
        )
    }

    /// Nanoseconds from `earlier` to this; negative where the capture's clock went back.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Writes RFC 3339 in UTC with nine decimals: `2026-11-21T08:53:00.123456789Z`.
    #[must_use]
    pub fn rfc3339(self) -> [u8; 30] {
        let (days, in_day) = (
            self.0.div_euclid(86_400 * NANOS),
            self.0.rem_euclid(86_400 * NANOS),
        );
        let (year, month, day) = civil(days);
        let seconds = in_day / NANOS;
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        digits(&mut text[0..4], year);
        digits(&mut text[5..7], month);
        digits(&mut text[8..10], day);
        digits(&mut text[11..13], seconds / 3600);
        digits(&mut text[14..16], seconds / 60 % 60);
        digits(&mut text[17..19], seconds % 60);
        digits(&mut text[20..29], in_day % NANOS);
        text
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rfc3339()
            .iter()
            .try_for_each(|&byte| fmt::Write::write_char(f, char::from(byte)))
    }
}

/// Writes one time after another, as [`Timestamp::rfc3339`] does; what they have in common only once.
#[derive(Clone, Debug)]
pub struct Clock {
    /// The second that was written last.
    second: i64,
    text: [u8; 30],
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            second: 0,
            text: Timestamp(0).rfc3339(),
        }
    }
}

impl Clock {
    /// The time, written.
    pub fn write(&mut self, time: Timestamp) -> &[u8; 30] {
        let second = time.0.div_euclid(NANOS);
        if second == self.second {
            digits(&mut self.text[20..29], time.0.rem_euclid(NANOS));
        } else {
            self.second = second;
            self.text = time.rfc3339();
        }
        &self.text
    }
}

/// Fills `text` with the last decimal digits of `number`, which is not negative.
fn digits(text: &mut [u8], number: i64) {
    let mut number = number.unsigned_abs() as u32;
    for byte in text.iter_mut().rev() {
        *byte = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
///
/// Counts in 400-year eras that begin on 1 March, so that the leap day is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_rfc_3339_with_nine_decimals() {
        let cases = [
            (Timestamp::new(0, 0), "1970-01-01T00:00:00.000000000Z"),
            (
                Timestamp::new(951_782_400, 1),
                "2000-02-29T00:00:00.000000001Z",
            ),
            (
                Timestamp::new(1_795_251_180, 123_456_789),
                "2026-11-21T08:53:00.123456789Z",
            ),
            (Timestamp(-1), "1969-12-31T23:59:59.999999999Z"),
            (Timestamp(i64::MAX), "2262-04-11T23:47:16.854775807Z"),
            (Timestamp(i64::MIN), "1677-09-21T00:12:43.145224192Z"),
        ];
        for (time, text) in cases {
            assert_eq!(time.to_string(), text);
            let mut clock = Clock::default();
            for near in [time, Timestamp(time.0 ^ 1), time] {
                assert_eq!(*clock.write(near), near.rfc3339());
            }
        }
    }
}
