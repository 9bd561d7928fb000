//! The bytes of the selected event: the payload as the application gets it, and what was captured.
//!
//! ```text
//! ── bytes 16.1 ─────────────────────────────────────────
//!  payload, 22 B
//!  000000  68 65 6c 6c 6f 20 66 72  6f 6d 20 74 68 65 20 62  hello from the b
//!  packet 16, 6 B at 324: frame header
//!  000144  81 96 df 89 48 36                                ....H6
//! ```

use super::super::app::{App, Pane};
use super::super::canvas::{heading, put};
use super::detail;
use crate::tui::keys::Action;
use crate::tui::sheet::{Row, Sheet, View};
use crate::tui::wire::{self, Area, Place};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use wscope::engine::Replay;
use wscope::explain::{Lang, Traced};
use wscope::model::{EventId, EventKind, Ws};
use wscope::sink::Escaped;

/// Whose bytes, how they came out, and how far they are scrolled.
#[derive(Debug, Default)]
pub struct State {
    /// The connection and the event that were asked for.
    pub of: Option<(usize, EventId)>,
    /// None while they are on their way.
    pub answer: Option<Result<Arc<Replay>, String>>,
    pub top: usize,
    /// The row and the column of the byte that one is at.
    pub cursor: (usize, usize),
    pub view: View,
    /// Where the bytes of a compressed message came from, and the job that was to find out.
    pub traced: Option<Box<Traced>>,
    pub asked_trace: Option<u64>,
    /// What is to be done with them once they are here.
    pub once_here: Option<Action>,
    /// How they were laid out last.
    pub laid_out: RefCell<Option<LaidOut>>,
}

/// The sheet for a width, a view and a language.
type LaidOut = ((usize, View, Lang), Rc<Sheet>);

impl State {
    pub fn replay(&self) -> Option<&Arc<Replay>> {
        self.answer.as_ref()?.as_ref().ok()
    }

    /// The bytes, laid out: once, however often they are drawn. A megabyte of JSON takes its time.
    pub fn sheet(&self, width: usize, lang: Lang) -> Option<Rc<Sheet>> {
        let replay = self.replay()?;
        let wanted = (width, self.view, lang);
        let mut laid_out = self.laid_out.borrow_mut();
        if let Some((is, sheet)) = &*laid_out
            && *is == wanted
            && sheet.is_of(replay)
        {
            return Some(Rc::clone(sheet));
        }
        let sheet = Rc::new(Sheet::new(replay, width, self.view, lang));
        *laid_out = Some((wanted, Rc::clone(&sheet)));
        Some(sheet)
    }
}

/// The byte under the cursor.
pub fn under_cursor(app: &App, width: usize) -> Option<(Area, u64)> {
    let sheet = app.bytes.sheet(width, app.lang)?;
    let (row, column) = app.bytes.cursor;
    match sheet.row(row.min(sheet.height().saturating_sub(1))) {
        Row::Bytes {
            area, from, len, ..
        } if len > 0 => Some((area, from + column.min(len - 1) as u64)),
        _ => None,
    }
}

/// The other bytes that say the same as the one under the cursor: of the payload on the wire and as the application
/// gets it, compressed and inflated; and where it was copied from within the message.
pub fn elsewhere(app: &App, (area, at): (Area, u64)) -> Vec<Place> {
    let Some(replay) = app.bytes.replay() else {
        return Vec::new();
    };
    let place = |area: Area, range: Range<u64>| Place { area, range };
    let raw = |range: Range<u64>| {
        let wire = wire::on_the_wire(replay, &range).into_iter();
        let wire = wire.map(move |range| place(Area::Wire, range));
        wire.chain([place(Area::Unmasked, range)]).collect()
    };
    let byte = |at: u64| at..at + 1;
    let on_wire = match area {
        Area::Wire => wire::in_payload(replay, at),
        Area::Unmasked => Some(at),
        Area::Payload | Area::Packet | Area::Sealed => None,
    };
    match (&app.bytes.traced, on_wire) {
        _ if !is_message(replay) => Vec::new(),
        (Some(traced), None) if area == Area::Payload => {
            let Some(origin) = traced.origin(at) else {
                return Vec::new();
            };
            let mut places: Vec<Place> = raw(origin.bits.start / 8..origin.bits.end.div_ceil(8));
            places.push(place(Area::Payload, origin.bytes));
            let copied = origin.copied.filter(|copied| copied.from.is_none());
            places.extend(copied.and_then(|copied| {
                let from = copied.at.checked_sub(copied.distance.into())?;
                let length = u64::from(copied.length.min(copied.distance));
                Some(place(Area::Payload, from..from + length))
            }));
            places
        }
        (Some(traced), Some(at)) => {
            let given = traced.given_by(at).map(|range| place(Area::Payload, range));
            given.into_iter().collect()
        }
        (None, _) if is_compressed(replay) => Vec::new(),
        (None, Some(at)) => vec![place(Area::Payload, byte(at))],
        (None, None) if area == Area::Payload => raw(byte(at)),
        _ => Vec::new(),
    }
}

fn is_message(replay: &Replay) -> bool {
    matches!(replay.event.kind, EventKind::Ws(Ws::Message(_)))
}

/// Whether the message was compressed: then it takes a trace to know which byte came from where.
pub fn is_compressed(replay: &Replay) -> bool {
    matches!(replay.event.kind, EventKind::Ws(Ws::Message(message)) if message.compressed)
}

/// The bytes of the payload that the line under the cursor stands for, or the smallest part of the JSON that the byte
/// under it is in.
pub fn part_under_cursor(app: &App, width: usize) -> Option<Range<u64>> {
    let sheet = app.bytes.sheet(width, app.lang)?;
    let (row, column) = app.bytes.cursor;
    match sheet.row(row.min(sheet.height().saturating_sub(1))) {
        Row::Text(_, bytes) => bytes,
        Row::Bytes {
            area: Area::Payload,
            from,
            len,
            ..
        } if len > 0 => sheet.part_at(from + column.min(len - 1) as u64),
        Row::Bytes { .. } | Row::Title(_) => None,
    }
}

/// Moves the cursor by rows and bytes; it stays within the sheet.
pub fn step(app: &mut App, width: usize, rows: isize, bytes: isize) {
    let Some(sheet) = app.bytes.sheet(width, app.lang) else {
        return;
    };
    let last = sheet.height().saturating_sub(1);
    let length = |row: usize| match sheet.row(row) {
        Row::Bytes { len, .. } => len,
        _ => 0,
    };
    let (mut row, mut column) = app.bytes.cursor;
    row = row.saturating_add_signed(rows).min(last);
    if bytes != 0 {
        column = column.min(length(row).saturating_sub(1));
        if bytes < 0 && column == 0 || bytes > 0 && column + 1 >= length(row) {
            // To the next row that has bytes.
            let mut next = row;
            while let Some(at) = next.checked_add_signed(bytes).filter(|&at| at <= last) {
                next = at;
                if length(next) > 0 {
                    row = next;
                    column = if bytes < 0 { length(next) - 1 } else { 0 };
                    break;
                }
            }
        } else {
            column = column.saturating_add_signed(bytes);
        }
    }
    app.bytes.cursor = (row, column);
}

pub fn render(app: &App, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let focused = app.focus == Pane::Bytes;
    let name = app.event().map_or_else(
        || app.tr("bytes", &[]),
        |event| app.tr("bytes {id}", &[("id", &event.id)]),
    );
    let inside = heading(
        buf,
        area,
        &name,
        &app.tr(app.bytes.view.word(), &[]),
        app.theme,
        focused,
    );
    let say = |text: &str, buf: &mut Buffer| {
        let lines = crate::tui::canvas::wrap(text, usize::from(inside.width).saturating_sub(2));
        for (line, y) in lines.iter().zip(inside.y..inside.bottom()) {
            put(
                buf,
                (inside.x + 1, y),
                inside.right(),
                line,
                app.theme.dim(),
            );
        }
    };
    match &app.bytes.answer {
        _ if app.bytes.of.is_none() => {}
        None => say(&app.tr("reading the capture again …", &[]), buf),
        Some(Err(error)) => say(&Escaped(error).to_string(), buf),
        Some(Ok(_)) => {
            let width = inside.width.into();
            let Some(sheet) = app.bytes.sheet(width, app.lang) else {
                return;
            };
            let linked = detail::linked(app, width);
            let cursor = focused.then(|| under_cursor(app, width)).flatten();
            for (at, y) in (app.bytes.top..sheet.height()).zip(inside.y..inside.bottom()) {
                let on = focused && app.bytes.cursor.0 == at;
                let marks = Marks {
                    linked: &linked,
                    cursor,
                };
                row(
                    app,
                    (&sheet.row(at), on),
                    &marks,
                    (inside.x + 1, y),
                    inside.right(),
                    buf,
                );
            }
        }
    }
}

/// Bytes that stand out.
struct Marks<'a> {
    linked: &'a [Place],
    cursor: Option<(Area, u64)>,
}

fn row(
    app: &App,
    (row, on): (&Row, bool),
    marks: &Marks<'_>,
    (x, y): (u16, u16),
    end: u16,
    buf: &mut Buffer,
) {
    match row {
        Row::Title(text) => {
            put(buf, (x, y), end, text, app.theme.bold());
        }
        Row::Text(text, bytes) => {
            let is_linked =
                |place: &Place| place.area == Area::Payload && Some(&place.range) == bytes.as_ref();
            let style = match marks.linked.iter().any(is_linked) {
                true => app.theme.linked(),
                false => app.theme.plain(),
            };
            put(buf, (x + 1, y), end, text, style);
        }
        Row::Bytes {
            at,
            hex,
            ascii,
            area,
            from,
            len,
        } => {
            let x = put(buf, (x, y), end, at, app.theme.dim());
            let hex_at = x + 2;
            let x = put(buf, (hex_at, y), end, hex, app.theme.plain());
            let ascii_at = x + 2;
            put(buf, (ascii_at, y), end, ascii, app.theme.dim());
            for column in 0..*len {
                let offset = from + column as u64;
                let linked = marks.linked.iter().any(|place| place.has(*area, offset));
                let here = marks.cursor == Some((*area, offset));
                if !linked && !here {
                    continue;
                }
                let style = if here {
                    app.theme.selected(true)
                } else {
                    app.theme.linked()
                };
                let hex_x = hex_at + column as u16 * 3 + u16::from(column >= 8);
                for (x, width) in [(hex_x, 2), (ascii_at + column as u16, 1)] {
                    let area = Rect::new(x, y, width, 1).intersection(Rect::new(0, y, end, 1));
                    buf.set_style(area, style);
                }
            }
        }
    }
    if on {
        put(buf, (x - 1, y), end, "▸", app.theme.plain());
    }
}

/// How many rows it takes to show all.
pub fn height(app: &App, width: usize) -> usize {
    let sheet = app.bytes.sheet(width, app.lang);
    sheet.map_or(0, |sheet| sheet.height())
}

#[cfg(test)]
mod tests {
    use super::{Area, detail};
    use crate::tui::fixture::{Bench, LARGE, SMALL};
    use insta::assert_snapshot;

    #[test]
    fn a_masked_message_alone_on_a_small_screen() {
        let mut bench = Bench::new("tour.pcapng", SMALL);
        assert_snapshot!(bench.press("jjjjj\n\n").screen());
    }

    #[test]
    fn a_head_on_a_large_screen() {
        let mut bench = Bench::new("tour.pcapng", LARGE);
        assert_snapshot!(bench.press("j\n").screen());
    }

    #[test]
    fn where_an_inflated_byte_came_from_on_a_small_screen() {
        let mut bench = Bench::new("deflate.pcapng", SMALL);
        bench.press("&websocket.payload.text matches r\"^[{\\[]\"\nG\n\n");
        to_payload(&mut bench, 9);
        assert!(bench.app.bytes.traced.is_some());
        assert_snapshot!(bench.screen());
    }

    #[test]
    fn bytes_that_were_not_captured() {
        let mut bench = Bench::new("short-snaplen.pcapng", SMALL);
        assert_snapshot!(bench.press("jjjjjjjjj\n\n").screen());
    }

    #[test]
    fn views_of_a_compressed_message() {
        let mut bench = Bench::new("deflate.pcapng", SMALL);
        bench.press("&wscope.message.compressed == true && wscope.message.length > 20\n\n\n");
        let mut screens = Vec::new();
        for _ in 0..5 {
            screens.push(bench.press("v").screen());
        }
        assert_snapshot!(screens.join("\n"));
    }

    #[test]
    fn json_is_laid_out() {
        let mut bench = Bench::new("deflate.pcapng", LARGE);
        bench.press("&websocket.payload.text matches r\"^[{\\[]\"\n\nvv");
        assert_snapshot!(bench.screen());
    }

    /// Moves the cursor to the first byte of the payload, and on.
    fn to_payload(bench: &mut Bench, on: u64) {
        for key in ["l", "h"] {
            for _ in 0..500 {
                if super::under_cursor(&bench.app, 78) == Some((Area::Payload, on)) {
                    return;
                }
                bench.press(key);
            }
        }
        panic!("never there:\n{}", bench.screen());
    }

    #[test]
    fn a_line_of_json_points_at_its_bytes_and_a_byte_at_its_line() {
        let mut bench = Bench::new("deflate.pcapng", LARGE);
        bench.press("&websocket.payload.text matches r\"^[{\\[]\"\n\nvv\n");
        let replay = bench.app.bytes.replay().unwrap().clone();
        let text = std::str::from_utf8(&replay.payload).unwrap();
        // The title, the opening brace, the first member.
        bench.press("jj");
        let linked = detail::linked(&bench.app, 78);
        let [place] = &linked[..] else {
            panic!("{linked:?}")
        };
        assert_eq!(place.area, Area::Payload);
        let member = &text[place.range.start as usize..place.range.end as usize];
        assert!(member.starts_with('"') && member.contains(':'), "{member}");
        assert_snapshot!(bench.screen());
        // And from its last byte back.
        to_payload(&mut bench, place.range.end - 1);
        assert_eq!(detail::linked(&bench.app, 78), linked);
    }

    #[test]
    fn an_inflated_byte_points_at_what_it_was_deflated_to_and_back() {
        let mut bench = Bench::new("deflate.pcapng", LARGE);
        bench.press("&websocket.payload.text matches r\"^[{\\[]\"\nG\n");
        let replay = bench.app.bytes.replay().unwrap().clone();
        assert!(super::is_compressed(&replay));
        let traced = bench.app.bytes.traced.clone().expect("a trace");
        assert_eq!(traced.output, replay.payload);
        let copied = (0..traced.output_len)
            .find(|&at| {
                traced
                    .origin(at)
                    .unwrap()
                    .copied
                    .is_some_and(|it| it.from.is_some())
            })
            .expect("something of an earlier message");
        to_payload(&mut bench, copied);
        let linked = detail::linked(&bench.app, 78);
        let wire = linked
            .iter()
            .find(|it| it.area == Area::Wire)
            .unwrap()
            .range
            .clone();
        let payload = linked.iter().find(|it| it.area == Area::Payload).unwrap();
        assert!(payload.has(Area::Payload, copied));
        let nodes = detail::nodes(&bench.app);
        let told = nodes
            .iter()
            .find(|node| node.value.contains("in message"))
            .unwrap();
        assert!(told.link.is_some(), "{told:?}");
        assert_snapshot!(bench.screen());
        // From the deflated byte back to what it gave.
        for _ in 0..500 {
            if super::under_cursor(&bench.app, 78) == Some((Area::Wire, wire.start)) {
                break;
            }
            bench.press("l");
        }
        let back = detail::linked(&bench.app, 78);
        assert!(
            back.iter().any(|it| it.has(Area::Payload, copied)),
            "{back:?}"
        );
        // What was copied leads to where it was copied from.
        to_payload(&mut bench, 0);
        let nodes = detail::nodes(&bench.app);
        let told = nodes
            .iter()
            .position(|node| node.value.contains("in message"));
        let link = nodes[told.unwrap()].link;
        bench.app.focus = crate::tui::app::Pane::Detail;
        bench.app.detail.at = told.unwrap();
        bench.press("\n");
        assert_eq!(bench.app.event().map(|event| event.id), link);
    }

    #[test]
    fn a_masked_byte_points_at_the_same_one_unmasked() {
        let mut bench = Bench::new("tour.pcapng", SMALL);
        bench.press("jjjjj\n\n");
        to_payload(&mut bench, 3);
        let linked = detail::linked(&bench.app, 78);
        let wire = linked.iter().find(|it| it.area == Area::Wire).unwrap();
        let begin = bench.app.event().unwrap().span.start;
        // Two bytes of header, four of the masking key.
        assert_eq!(wire.range, begin + 9..begin + 10);
    }
}
