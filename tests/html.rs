//! The page of `wscope explain --html` in a browser without a window: on a phone, on a projector, in the dark, on paper.
//!
//! Skipped, and said so, where there is no Chromium.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// What Chromium is called.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

#[allow(clippy::print_stderr)] // a test that is skipped says so aloud
fn chromium() -> Option<&'static str> {
    let works = |name: &&str| {
        let mut run = Command::new(name);
        run.arg("--version");
        run.stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let found = NAMES.into_iter().find(works);
    if found.is_none() {
        eprintln!("skipped: no chromium here, so no page was looked at in a browser");
    }
    found
}

fn succeeded(run: &Output) {
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
}

/// The page of a capture.
fn page(capture: &str, lang: &str) -> String {
    let run = Command::new(env!("CARGO_BIN_EXE_wscope"))
        .args([
            "explain", capture, "--html", "-", "--lang", lang, "--limit", "60",
        ])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/captures"))
        .env_remove("SSLKEYLOGFILE")
        .output()
        .unwrap();
    succeeded(&run);
    String::from_utf8(run.stdout).unwrap()
}

/// What measures a page: it looks on from outside, for the page itself runs no script.
const MEASURE: &str = r##"
const out = [];
for (const frame of document.querySelectorAll('iframe')) {
  const doc = frame.contentDocument, win = frame.contentWindow;
  for (const it of doc.querySelectorAll('details')) it.open = frame.dataset.fold === undefined || it.className === 'talk';
  const root = doc.documentElement, wide = root.clientWidth;
  // What scrolls within its own box is meant to.
  const boxed = it => it.closest('.wide') && getComputedStyle(it.closest('.wide')).overflowX !== 'visible';
  const beyond = [...doc.body.querySelectorAll('*')]
    .filter(it => !boxed(it) && !it.closest('svg') && it.getBoundingClientRect().right > wide + 1)
    .map(it => it.tagName + '.' + it.className);
  const seen = it => it.getBoundingClientRect().height > 0 && it.checkVisibility({contentVisibilityAuto: true});
  const all = name => [...doc.querySelectorAll(name)];
  const boxes = all('input[type=checkbox]');
  const folds = boxes.map(box => {
    const rows = all('.row.' + box.id.replace('show-', ''));
    const before = rows.filter(seen).length;
    box.checked = false;
    const after = rows.filter(seen).length;
    box.checked = true;
    return [box.id, rows.length, before, after];
  });
  const style = win.getComputedStyle(doc.body);
  out.push({
    name: frame.dataset.name, wide, scroll: root.scrollWidth, beyond: beyond.slice(0, 5),
    requests: win.performance.getEntriesByType('resource').length,
    rungs: all('svg.rung').filter(seen).length, rows: all('.row').length,
    rulers: all('.ruler').length, cells: Math.min(...all('.ruler').map(it => it.children.length)),
    bodies: all('.row > .body').filter(seen).length, folds,
    breaks: all('.ruler').map(it => win.getComputedStyle(it).breakInside),
    chooser: all('fieldset').some(seen),
    smallest: Math.min(...all('.ruler .bits i').filter(seen).map(it => parseFloat(win.getComputedStyle(it).fontSize))),
    ink: style.color, paper: style.backgroundColor,
  });
}
document.getElementById('out').textContent = JSON.stringify(out);
"##;

/// A frame of such a width, with what is to be changed in the page.
struct View<'a> {
    name: &'a str,
    width: u32,
    /// Everything is folded as the page comes.
    folded: bool,
    /// The rules for paper, or those for dark rooms, hold.
    media: Option<&'a str>,
}

/// Measures a page in each of these views; also what the browser has to complain about.
fn measure(browser: &str, page: &str, views: &[View<'_>]) -> (Vec<Value>, Vec<String>) {
    let folder = TempDir::new().unwrap();
    let mut html = String::from("<!DOCTYPE html><meta charset=utf-8><pre id=out></pre>");
    for view in views {
        let mut page = page.to_owned();
        if let Some(media) = view.media {
            assert!(page.contains(media), "no rules for {media}");
            page = page.replace(media, "@media all");
        }
        let quoted = page.replace('&', "&amp;").replace('"', "&quot;");
        let fold = if view.folded { "data-fold" } else { "" };
        html += &format!(
            "<iframe data-name=\"{}\" {fold} style=\"width:{}px;height:900px;border:0\" srcdoc=\"{quoted}\"></iframe>",
            view.name, view.width
        );
    }
    html += &format!("<script>addEventListener('load', () => {{ {MEASURE} }});</script>");
    let file = folder.path().join("views.html");
    std::fs::write(&file, html).unwrap();
    let run = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .args([
            "--no-first-run",
            "--hide-scrollbars",
            "--enable-logging=stderr",
        ])
        .args([
            "--window-size=2000,1200",
            "--virtual-time-budget=20000",
            "--dump-dom",
        ])
        .arg(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ))
        .arg(format!("file://{}", file.display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&run.stderr);
    let complaints = complaints.lines().filter(|line| line.contains("CONSOLE"));
    let complaints = complaints.map(str::to_owned).collect();
    let dom = String::from_utf8_lossy(&run.stdout).into_owned();
    let text = dom
        .split_once("<pre id=\"out\">")
        .and_then(|(_, rest)| rest.split_once("</pre>"))
        .map(|(text, _)| text.replace("&quot;", "\"").replace("&amp;", "&"))
        .unwrap_or_else(|| {
            panic!(
                "nothing was measured: {}",
                String::from_utf8_lossy(&run.stderr)
            )
        });
    let measured: Vec<Value> =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(measured.len(), views.len());
    (measured, complaints)
}

const DARK: &str = "@media (prefers-color-scheme:dark)";
const PAPER: &str = "@media print";

/// A4 less its margins, in the pixels of CSS.
const SHEET: u32 = 720;

#[test]
fn a_page_fits_a_phone_a_projector_and_paper() {
    let Some(browser) = chromium() else { return };
    for (capture, lang) in [
        ("tour.pcapng", "en"),
        ("tour.pcapng", "zh"),
        ("violations.pcapng", "zh"),
        ("tls13.pcapng", "en"),
    ] {
        let page = page(capture, lang);
        let view = |name, width, folded, media| View {
            name,
            width,
            folded,
            media,
        };
        let views = [
            view("phone", 390, false, None),
            view("phone, dark", 390, true, Some(DARK)),
            view("projector", 1920, false, None),
            view("projector, dark", 1920, false, Some(DARK)),
            view("paper", SHEET, true, Some(PAPER)),
        ];
        let (measured, complaints) = measure(browser, &page, &views);
        let place = format!("{capture} {lang}");
        assert_eq!(complaints, [""; 0], "{place}");
        for it in &measured {
            let place = format!("{place}, {}: {it:#}", it["name"]);
            let paper = it["name"] == "paper";
            // Nothing has to be pushed sideways.
            assert!(it["scroll"].as_u64() <= it["wide"].as_u64(), "{place}");
            assert_eq!(it["beyond"].as_array().unwrap().len(), 0, "{place}");
            assert_eq!(it["requests"], 0, "{place}");
            // The ladder has a rung for each event, and each frame its ruler with at least its seven fields.
            let rows = it["rows"].as_u64().unwrap();
            assert!(rows > 10 && it["rungs"].as_u64() == Some(rows), "{place}");
            assert!(
                it["rulers"].as_u64() > Some(3) && it["cells"].as_u64() >= Some(6),
                "{place}"
            );
            let folds = it["folds"].as_array().unwrap();
            assert!(folds.len() >= 3, "{place}");
            for fold in folds {
                // All rows of a layer are there, and none when it is taken away.
                assert!(fold[1] == fold[2] && fold[3] == 0, "{place}");
            }
            let opened = it["bodies"].as_u64().unwrap();
            match it["name"].as_str().unwrap() {
                "phone, dark" => assert_eq!(opened, 0, "{place}"),
                // Also what is folded comes onto paper.
                _ => assert_eq!(opened, rows, "{place}"),
            }
            assert_eq!(it["chooser"].as_bool(), Some(!paper), "{place}");
            if paper {
                let breaks = it["breaks"].as_array().unwrap();
                assert!(breaks.iter().all(|it| it == "avoid"), "{place}");
            }
            if opened > 0 {
                assert!(it["smallest"].as_f64() >= Some(9.0), "{place}");
            }
            let dark = it["name"].as_str().unwrap().contains("dark");
            let bright = |colour: &Value| {
                let numbers = colour
                    .as_str()
                    .unwrap()
                    .trim_start_matches("rgb(")
                    .trim_end_matches(')');
                numbers
                    .split(", ")
                    .map(|it| it.parse::<u32>().unwrap())
                    .sum::<u32>()
                    > 380
            };
            assert_eq!(bright(&it["ink"]), dark, "{place}");
            assert_eq!(bright(&it["paper"]), !dark, "{place}");
        }
    }
}

#[test]
fn a_page_can_be_printed() {
    let Some(browser) = chromium() else { return };
    let folder = TempDir::new().unwrap();
    let html = folder.path().join("page.html");
    std::fs::write(&html, page("tour.pcapng", "en")).unwrap();
    let pdf = folder.path().join("page.pdf");
    print(browser, folder.path(), &html, &pdf);
    let bytes = std::fs::read(&pdf).unwrap();
    assert!(bytes.starts_with(b"%PDF-"));
    let text = String::from_utf8_lossy(&bytes);
    let pages = text
        .matches("/Type /Page\n")
        .count()
        .max(text.matches("/Type /Page/").count());
    // All that is folded is there: a list of events alone would be two pages.
    assert!(pages > 10, "{pages} pages");
}

fn print(browser: &str, folder: &Path, html: &Path, pdf: &Path) {
    let run = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ])
        .arg(format!(
            "--user-data-dir={}",
            folder.join("profile").display()
        ))
        .arg(format!("--print-to-pdf={}", pdf.display()))
        .arg(format!("file://{}", html.display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    succeeded(&run);
}
