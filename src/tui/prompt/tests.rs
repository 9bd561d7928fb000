//! Screens on which something is typed, or was.

use crate::tui::fixture::{Bench, LARGE, SMALL};
use insta::assert_snapshot;

/// What stands there after these keys, on a small and on a large screen.
fn both(capture: &str, keys: &str) -> String {
    let screens = [SMALL, LARGE].map(|size| Bench::new(capture, size).press(keys).screen());
    screens.join("\n")
}

#[test]
fn a_filter_with_what_tab_can_put_there() {
    assert_snapshot!(both("tour.pcapng", "&websocket.pay"));
}

#[test]
fn a_filter_with_a_mark_under_what_is_wrong() {
    assert_snapshot!(both("tour.pcapng", "&tcp.prot == 80"));
}

#[test]
fn the_palette() {
    assert_snapshot!(both("tour.pcapng", ":"));
}

#[test]
fn a_search_and_what_it_found() {
    assert_snapshot!(both("tour.pcapng", "/re:br.wser\n"));
}

#[test]
fn a_search_for_what_is_no_pattern() {
    assert_snapshot!(both("tour.pcapng", "/re:br(wser"));
}

#[test]
fn a_note_and_where_it_stands() {
    assert_snapshot!(both("tour.pcapng", "jjjjMwho says that?\njm"));
}
