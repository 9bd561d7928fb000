//! After what silence things between two peers cut a connection, where nobody changed the setting.
//!
//! The values are the defaults that the makers' documentation gives. A silence of this length is
//! consistent with such a timer; it proves none.

/// A timer: seconds, and what has it.
const TIMERS: [(i64, &str); 9] = [
    (30, "a Google Cloud load balancer's backend timeout"),
    (55, "Heroku's router"),
    (
        60,
        "nginx's proxy_read_timeout, an AWS ALB, or Apache's ProxyTimeout",
    ),
    (100, "Cloudflare"),
    (230, "Azure App Service"),
    (240, "Azure's load balancer"),
    (300, "Envoy's stream_idle_timeout, or a NAT of five minutes"),
    (350, "an AWS NLB or NAT gateway"),
    (
        600,
        "an AWS API Gateway or Google Cloud's connection tracking",
    ),
];

/// What has a timer that fits a silence of so many nanoseconds: up to a second late, never early.
pub fn candidates(silence: i64) -> Option<&'static str> {
    const SECOND: i64 = 1_000_000_000;
    TIMERS
        .iter()
        .find(|(seconds, _)| {
            let over = silence - seconds * SECOND;
            (-SECOND / 10..=SECOND + SECOND * seconds / 200).contains(&over)
        })
        .map(|(_, who)| *who)
}

/// What has a timer that would have cut such a silence, the shortest first; seconds, and who.
pub fn outlived(silence: i64) -> Vec<(u32, &'static str)> {
    // Up to a second late and some: see `candidates`.
    let sure = |&&(seconds, _): &&(i64, &str)| silence > seconds * 1_010_000_000 + 1_000_000_000;
    let found = TIMERS.iter().take_while(sure);
    found.map(|&(seconds, who)| (seconds as u32, who)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_fits_a_timer_that_has_just_run_out() {
        let at = |millis: i64| candidates(millis * 1_000_000);
        assert!(at(60_100).unwrap().contains("nginx"));
        assert!(at(350_400).unwrap().contains("NLB"));
        assert_eq!(at(59_000), None);
        assert_eq!(at(62_000), None);
        assert_eq!(at(45_000), None);
    }

    #[test]
    fn a_silence_outlives_the_timers_that_are_surely_shorter() {
        let of = |seconds: i64| -> Vec<u32> {
            let outlived = outlived(seconds * 1_000_000_000);
            outlived.into_iter().map(|(seconds, _)| seconds).collect()
        };
        assert_eq!(of(30), [0u32; 0]);
        assert_eq!(of(61), [30, 55]);
        assert_eq!(of(65), [30, 55, 60]);
    }
}
