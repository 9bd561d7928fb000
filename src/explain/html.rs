//! A page as HTML: one file, no script, nothing from elsewhere.

use super::page::{Layer, Page, Row, Talk, cells_of};
use super::parts::{Block, Explanation, Ruler, Section, Table};
use crate::model::Dir;
use std::fmt::{self, Write as _};

/// What a browser may do with the page: draw it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// So many events are shown open.
const FEW: usize = 3;

/// Fields of a ruler that light up under the pointer; a frame has no more.
const CELLS: usize = 12;

impl Page {
    /// The page as HTML.
    #[must_use]
    pub fn html(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let title = self.say("page.title", &[("name", &self.name)]);
        writeln!(out, "<!DOCTYPE html>")?;
        writeln!(out, "<html lang=\"{}\">\n<head>", self.lang.tag())?;
        writeln!(out, "<meta charset=\"utf-8\">")?;
        writeln!(
            out,
            "<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">"
        )?;
        writeln!(
            out,
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
        )?;
        writeln!(out, "<meta name=\"color-scheme\" content=\"light dark\">")?;
        writeln!(out, "<title>{}</title>\n<style>", Text(&title))?;
        out.push_str(STYLE);
        for cell in 0..CELLS {
            writeln!(
                out,
                ".body:has(.c{cell}:hover) .c{cell}{{background:var(--lit);color:var(--on-lit)}}"
            )?;
        }
        for layer in Layer::ALL {
            let word = layer.word();
            writeln!(
                out,
                "body:has(#show-{word}:not(:checked)) .row.{word}{{display:none}}"
            )?;
        }
        writeln!(out, "</style>\n</head>\n<body>\n<header>")?;
        writeln!(out, "<h1>{}</h1>", Text(&title))?;
        writeln!(out, "<p>{}</p>", Text(&self.say("page.intro", &[])))?;
        let mut limits = Vec::new();
        self.limits(|text| limits.push(text));
        for text in limits {
            writeln!(out, "<p class=\"limit\">{}</p>", Text(&text))?;
        }
        self.layers(out)?;
        writeln!(out, "</header>\n<main>")?;
        for talk in &self.talks {
            self.talk(out, talk)?;
        }
        writeln!(out, "</main>\n</body>\n</html>")
    }

    fn count(&self) -> usize {
        self.talks.iter().map(|talk| talk.rows.len()).sum()
    }

    /// What may be folded away, of the layers that there are.
    fn layers(&self, out: &mut String) -> fmt::Result {
        writeln!(
            out,
            "<fieldset><legend>{}</legend>",
            Text(&self.say("page.layers", &[]))
        )?;
        let rows = || self.talks.iter().flat_map(|talk| &talk.rows);
        for layer in Layer::ALL {
            let count = rows().filter(|row| row.layer == layer).count();
            if count > 0 {
                let word = layer.word();
                let name = self.say(&format!("page.layer.{word}"), &[]);
                writeln!(
                    out,
                    "<label><input type=\"checkbox\" id=\"show-{word}\" checked> {} ({count})</label>",
                    Text(&name)
                )?;
            }
        }
        writeln!(out, "</fieldset>")
    }

    fn talk(&self, out: &mut String, talk: &Talk) -> fmt::Result {
        writeln!(out, "<details class=\"talk\" open>")?;
        writeln!(
            out,
            "<summary><h2>{}</h2></summary>",
            Text(&self.heading(talk))
        )?;
        writeln!(
            out,
            "<div class=\"ends\"><span>{} {}</span><span>{} {}</span></div>",
            Text(&self.say("word.client", &[])),
            talk.flow.client,
            Text(&self.say("word.server", &[])),
            talk.flow.server
        )?;
        for row in &talk.rows {
            self.row(out, row)?;
        }
        writeln!(out, "</details>")
    }

    fn row(&self, out: &mut String, row: &Row) -> fmt::Result {
        let told = &row.told;
        let id = told.id.map(|id| id.to_string()).unwrap_or_default();
        let dir = row.dir.map_or("none", Dir::word);
        writeln!(
            out,
            "<details class=\"row {} {dir}{}\" id=\"e{id}\"{}>",
            row.layer.word(),
            if row.bad { " bad" } else { "" },
            // Where there is little, nobody should have to open it.
            if self.count() <= FEW { " open" } else { "" }
        )?;
        write!(
            out,
            "<summary><span class=\"when\"><b>{id}</b> {:.6} s</span><span class=\"lane\">",
            row.seconds
        )?;
        write!(out, "<span class=\"label\">{}</span>", Text(&told.title))?;
        arrow(out, row.dir)?;
        writeln!(out, "</span></summary>\n<div class=\"body\">")?;
        body(out, told)?;
        writeln!(out, "</div>\n</details>")
    }
}

/// The ladder's rung: an arrow between the two life lines.
fn arrow(out: &mut String, dir: Option<Dir>) -> fmt::Result {
    out.push_str("<svg class=\"rung\" width=\"100%\" height=\"14\" aria-hidden=\"true\">");
    match dir {
        None => {
            out.push_str("<line class=\"none\" x1=\"8\" x2=\"98%\" y1=\"7\" y2=\"7\"/>");
        }
        Some(dir) => {
            out.push_str("<line class=\"way\" x1=\"3\" x2=\"99.5%\" y1=\"7\" y2=\"7\"/>");
            match dir {
                Dir::C2s => out.push_str("<svg x=\"100%\" overflow=\"visible\"><path class=\"head\" d=\"M-2 7 L-12 2 L-12 12 Z\"/></svg>"),
                Dir::S2c => out.push_str("<path class=\"head\" d=\"M2 7 L12 2 L12 12 Z\"/>"),
            }
        }
    }
    out.push_str("</svg>");
    Ok(())
}

fn body(out: &mut String, told: &Explanation) -> fmt::Result {
    for text in &told.what {
        writeln!(out, "<p>{}</p>", Text(text))?;
    }
    let ruler = told
        .sections
        .iter()
        .flat_map(|section| &section.blocks)
        .find_map(|block| match block {
            Block::Ruler(ruler) => Some(ruler),
            Block::Text(_) | Block::Table(_) | Block::Bytes(..) => None,
        });
    for section in &told.sections {
        self::section(out, section, ruler)?;
    }
    if !told.see.is_empty() {
        writeln!(out, "<p class=\"see\">{}</p>", Text(&told.see.join(" · ")))?;
    }
    Ok(())
}

fn section(out: &mut String, section: &Section, of: Option<&Ruler>) -> fmt::Result {
    writeln!(
        out,
        "<details class=\"part\" open><summary><h3>{}</h3></summary>",
        Text(&section.title)
    )?;
    for block in &section.blocks {
        match block {
            Block::Text(text) => writeln!(out, "<p>{}</p>", Text(text))?,
            Block::Table(table) => self::table(out, table)?,
            Block::Ruler(ruler) => self::ruler(out, ruler)?,
            Block::Bytes(at, bytes) => {
                let of = of.filter(|ruler| ruler.at == *at);
                self::bytes(out, *at, bytes, of)?;
            }
        }
    }
    writeln!(out, "</details>")
}

fn table(out: &mut String, table: &Table) -> fmt::Result {
    out.push_str("<div class=\"wide\"><table><thead><tr>");
    for head in &table.head {
        write!(out, "<th>{}</th>", Text(head))?;
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>");
        for cell in row {
            write!(out, "<td{}>{}</td>", unbroken(cell), Text(cell))?;
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    Ok(())
}

/// The class of a cell that is numbers rather than words, such as `df 89 48 36`: it stays on one line.
fn unbroken(text: &str) -> &'static str {
    let words = text.split(|c: char| !c.is_alphabetic());
    match text.chars().count() <= 36 && words.into_iter().all(|word| word.chars().count() <= 3) {
        true => " class=\"n\"",
        false => "",
    }
}

/// The picture of RFC 6455 section 5.2, and what each field means.
fn ruler(out: &mut String, ruler: &Ruler) -> fmt::Result {
    out.push_str("<div class=\"ruler\" aria-hidden=\"true\">");
    for run in ruler.rows(32).into_iter().flatten() {
        let Some(cell) = ruler.cells.get(run.cell) else {
            continue;
        };
        let bits: String = cell.bits.chars().skip(run.from).take(run.len).collect();
        let name = match (run.from, run.len) {
            (0, 1) => short_name(&cell.name),
            (0, _) => cell.name.as_str(),
            _ => "",
        };
        write!(
            out,
            "<span class=\"cell c{} k{}\" style=\"grid-column:span {}\" title=\"{}: {}\"><span class=\"bits\">",
            run.cell,
            run.cell % 2,
            run.len,
            Text(&cell.name),
            Text(&cell.meaning)
        )?;
        for bit in bits.chars() {
            write!(out, "<i>{bit}</i>")?;
        }
        write!(
            out,
            "</span><span class=\"name\">{}</span></span>",
            Text(name)
        )?;
    }
    out.push_str("</div>\n<div class=\"wide\"><table class=\"fields\"><tbody>\n");
    for (i, cell) in ruler.cells.iter().enumerate() {
        writeln!(
            out,
            "<tr class=\"c{i}\"><td>{}</td><td{}><code>{}</code></td><td>{}</td></tr>",
            Text(&cell.name),
            unbroken(&cell.value),
            Text(&cell.value),
            Text(&cell.meaning)
        )?;
    }
    out.push_str("</tbody></table></div>\n");
    Ok(())
}

/// A name for a field of one bit.
fn short_name(name: &str) -> &str {
    match name {
        "FIN" => "F",
        "RSV1" => "1",
        "RSV2" => "2",
        "RSV3" => "3",
        _ => name.get(..1).unwrap_or_default(),
    }
}

fn bytes(out: &mut String, at: u64, bytes: &[Option<u8>], of: Option<&Ruler>) -> fmt::Result {
    out.push_str("<div class=\"wide\"><pre class=\"bytes\">");
    for (i, line) in bytes.chunks(16).enumerate() {
        write!(out, "{:06x} ", at + i as u64 * 16)?;
        for (j, byte) in line.iter().enumerate() {
            let digits = byte.map_or_else(|| "??".into(), |byte| format!("{byte:02x}"));
            let nth = i * 16 + j;
            let cells: Vec<_> = of
                .into_iter()
                .flat_map(|ruler| cells_of(ruler, nth))
                .map(|cell| format!("c{cell}"))
                .collect();
            match cells.is_empty() {
                true => write!(out, " {digits}")?,
                false => write!(out, " <span class=\"{}\">{digits}</span>", cells.join(" "))?,
            }
        }
        let fill = 3 * (16 - line.len());
        write!(out, "{}  ", " ".repeat(fill))?;
        for byte in line {
            let c = match byte {
                Some(byte @ 0x20..=0x7e) => char::from(*byte),
                Some(_) => '.',
                None => '?',
            };
            write!(out, "{}", Text(c.encode_utf8(&mut [0; 4])))?;
        }
        out.push('\n');
    }
    out.push_str("</pre></div>\n");
    Ok(())
}

/// Text in which nothing is an instruction to a browser.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c if crate::sink::is_unsafe(c) => write!(f, "{}", c.escape_default())?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

const STYLE: &str = include_str!("page.css");
