//! Marks and notes: kept beside the capture as `FILE.wscope.json`.
//!
//! ```json
//! {"marks": [{"id": "16.1", "note": "here it begins"}]}
//! ```

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use wscope::model::EventId;

/// Bytes that a file of notes may have.
const LARGEST: u64 = 16 << 20;

#[derive(Debug, Default)]
pub struct Notes {
    /// None where there is no file to keep them beside.
    pub path: Option<PathBuf>,
    /// Marked events, each with a note or an empty one.
    pub marks: BTreeMap<EventId, String>,
}

impl Notes {
    /// The notes beside these captures.
    pub fn open(files: &[PathBuf]) -> Result<Self, String> {
        let Some(first) = files.first().filter(|file| *file != Path::new("-")) else {
            return Ok(Self::default());
        };
        let mut name = first.as_os_str().to_owned();
        name.push(".wscope.json");
        let path = PathBuf::from(name);
        let mut notes = Self {
            path: Some(path.clone()),
            ..Self::default()
        };
        let Ok(meta) = path.metadata() else {
            return Ok(notes);
        };
        let wrong = |why: String| format!("{}: {why}; notes are not kept", path.display());
        if meta.len() > LARGEST {
            return Err(wrong("too large".into()));
        }
        let text = std::fs::read(&path).map_err(|error| wrong(error.to_string()))?;
        notes.marks = read(&text).ok_or_else(|| wrong("not a file of notes".into()))?;
        Ok(notes)
    }

    /// Marks an event, or takes its mark and its note away.
    pub fn toggle(&mut self, id: EventId) {
        if self.marks.remove(&id).is_none() {
            self.marks.insert(id, String::new());
        }
    }

    pub fn text(&self) -> String {
        let marks: Vec<_> = self
            .marks
            .iter()
            .map(|(id, note)| json!({"id": id.to_string(), "note": note}))
            .collect();
        let lines: Vec<_> = marks.iter().map(|mark| format!("  {mark}")).collect();
        format!("{{\"marks\": [\n{}\n]}}\n", lines.join(",\n"))
    }
}

fn read(text: &[u8]) -> Option<BTreeMap<EventId, String>> {
    let value: Value = serde_json::from_slice(text).ok()?;
    value
        .get("marks")?
        .as_array()?
        .iter()
        .map(|mark| {
            let id = mark.get("id")?.as_str()?.parse().ok()?;
            Some((id, mark.get("note")?.as_str()?.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let mut notes = Notes::default();
        notes.toggle("16.1".parse().unwrap());
        notes
            .marks
            .insert("end.0".parse().unwrap(), "\"\x1b\n你好".into());
        notes.toggle("7.0".parse().unwrap());
        notes.toggle("7.0".parse().unwrap());
        assert_eq!(read(notes.text().as_bytes()), Some(notes.marks));
        assert_eq!(read(b"{}"), None);
        assert_eq!(read(b"{\"marks\":[{\"id\":\"x\",\"note\":\"\"}]}"), None);
    }
}
