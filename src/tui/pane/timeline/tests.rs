use crate::tui::fixture::{Bench, LARGE, SMALL};
use insta::assert_snapshot;

#[test]
fn the_tour_on_a_small_screen() {
    let mut bench = Bench::new("tour.pcapng", SMALL);
    assert_snapshot!(bench.press("jjjjj").screen());
}

#[test]
fn the_tour_with_frames_and_tcp_on_a_large_screen() {
    let mut bench = Bench::new("tour.pcapng", LARGE);
    assert_snapshot!(bench.press("jjjjjff").screen());
}

#[test]
fn the_tour_in_chinese() {
    let mut bench = Bench::new("tour.pcapng", SMALL);
    bench.app.lang = wscope::explain::Lang::Zh;
    assert_snapshot!(bench.press("jjjjjff").screen());
}

#[test]
fn fragments_with_pings_between_them() {
    let mut bench = Bench::new("fragments.pcapng", SMALL);
    assert_snapshot!(bench.press("jjjjjjjfz").screen());
}

#[test]
fn what_the_capture_lost() {
    let mut bench = Bench::new("short-snaplen.pcapng", LARGE);
    assert_snapshot!(bench.press("jjjjjjj").screen());
}

#[test]
fn times_since_the_line_above_and_of_day() {
    let mut bench = Bench::new("tour.pcapng", SMALL);
    let above = bench.press("ztG").screen();
    let day = bench.press("t").screen();
    assert_snapshot!(format!("{above}\n{day}"));
}
