//! `wscope lab`: sheets of questions about a capture, and the marking of what students answer.

use super::args::{Captures, Common};
use super::{Done, generate, progress, stdout};
use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use wscope::explain::Lang;
use wscope::lab::{Answers, Facts, Lab, Order, report};

#[derive(Args, Debug)]
pub struct LabArgs {
    #[command(subcommand)]
    pub command: LabCommand,
}

#[derive(Subcommand, Debug)]
pub enum LabCommand {
    /// Makes a sheet of questions, a form for the answers, and the key.
    Make(Box<MakeArgs>),
    /// Marks a student's form, and explains each mistake.
    Grade(Box<GradeArgs>),
}

#[derive(Args, Debug)]
pub struct MakeArgs {
    #[command(flatten)]
    pub captures: Captures,

    /// Chooses questions and numbers: another one for each student.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,

    /// The hardest level: 1 to look up, 2 to put together, 3 to work out.
    #[arg(long, value_name = "LEVEL", default_value_t = 3,
          value_parser = clap::value_parser!(u8).range(1..=3))]
    pub level: u8,

    /// How many questions.
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    pub count: usize,

    /// Write sheet.md, answers.txt and key.toml into this directory; without, the sheet goes to standard output.
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,

    /// Write over files that are there.
    #[arg(long)]
    pub force: bool,
}

#[derive(Args, Debug)]
pub struct GradeArgs {
    /// The form that was filled in.
    #[arg(value_name = "ANSWERS")]
    pub answers: PathBuf,

    /// The key that belongs to it.
    #[arg(long, value_name = "FILE", conflicts_with = "capture")]
    pub key: Option<PathBuf>,

    /// The capture, to work the key out again: the form says the seed.
    #[arg(long, value_name = "FILE")]
    pub capture: Vec<PathBuf>,
}

pub fn run(args: &LabArgs, common: Common) -> Done {
    match &args.command {
        LabCommand::Make(args) => make(args, common.lang()),
        LabCommand::Grade(args) => grade(args, common.lang()),
    }
}

fn make(args: &MakeArgs, lang: Lang) -> Done {
    let order = Order {
        capture: name(&args.captures.files),
        seed: args.seed,
        level: args.level,
        count: args.count.max(1),
    };
    let lab = lab(&args.captures, order)?;
    let left = lab.left.words(lang);
    if !left.is_empty() {
        super::say(&left);
    }
    if lab.questions.is_empty() {
        bail!(
            "nothing can be asked: the capture shows no whole TCP handshake, HTTP response or WebSocket frame"
        );
    }
    if lab.questions.len() < args.count {
        super::say(&format!(
            "the capture decides {} questions of this kind, not {}",
            lab.questions.len(),
            args.count
        ));
    }
    let Some(dir) = &args.output else {
        let mut out = stdout();
        out.write_all(lab.sheet(lang).as_bytes())?;
        out.flush()?;
        return Ok(Vec::new());
    };
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let key = lab.key().map_err(|why| anyhow!("the key: {why}"))?;
    let files = [
        ("sheet.md", lab.sheet(lang)),
        ("answers.txt", lab.form(lang)),
        ("key.toml", key),
    ];
    // All or none.
    if let Some((name, _)) = files
        .iter()
        .find(|(name, _)| !args.force && dir.join(name).exists())
    {
        bail!(
            "{} is there already: --force writes over it",
            dir.join(name).display()
        );
    }
    for (name, text) in files {
        let mut out = generate::output(&dir.join(name), args.force)?;
        out.write_all(text.as_bytes())?;
        out.flush()?;
    }
    Ok(Vec::new())
}

/// Reads captures and chooses questions about them.
fn lab(captures: &Captures, order: Order) -> anyhow::Result<Lab> {
    let mut facts = Facts::default();
    let run = progress::run(captures, &mut facts)?;
    if let Some(error) = run.errors.into_iter().next() {
        return Err(anyhow!(error).context("a sheet needs a capture that can be read to its end"));
    }
    Ok(Lab::make(&facts.settled(), order))
}

fn grade(args: &GradeArgs, lang: Lang) -> Done {
    let form = read(&args.answers)?;
    let answers =
        Answers::read(&form).map_err(|why| anyhow!("{}: {why}", args.answers.display()))?;
    let lab = match (&args.key, args.capture.is_empty()) {
        (Some(key), _) => {
            let text = read(key)?;
            Lab::read_key(&text).map_err(|why| anyhow!("{}: {why}", key.display()))?
        }
        (None, true) => bail!("--key KEY or --capture FILE says what is right"),
        (None, false) => {
            let order = Order::of_form(&form).ok_or_else(|| {
                anyhow!(
                    "{}: the line \"# lab seed=…\" is missing: --key says what is right without it",
                    args.answers.display()
                )
            })?;
            let captures = Captures {
                files: args.capture.clone(),
                ..Captures::default()
            };
            lab(&captures, order)?
        }
    };
    if let (Some(form), false) = (Order::of_form(&form), args.key.is_none())
        && (form.seed, form.level) != (lab.order.seed, lab.order.level)
    {
        bail!(
            "{} is of sheet {} (level {}), the key of sheet {} (level {})",
            args.answers.display(),
            form.seed,
            form.level,
            lab.order.seed,
            lab.order.level
        );
    }
    let marked = lab.mark(&answers);
    let mut out = stdout();
    out.write_all(report(&answers.name, &marked, lang).as_bytes())?;
    out.flush()?;
    Ok(Vec::new())
}

/// A text file of a size that people write.
fn read(path: &Path) -> anyhow::Result<String> {
    const MOST: u64 = 1 << 20;
    let place = || format!("cannot read {}", path.display());
    let length = fs::metadata(path).with_context(place)?.len();
    if length > MOST {
        bail!("{} has {length} bytes: that is no form", path.display());
    }
    fs::read_to_string(path).with_context(place)
}

fn name(files: &[PathBuf]) -> String {
    let names = files.iter().map(|file| match file.file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => file.display().to_string(),
    });
    names.collect::<Vec<_>>().join(" ")
}
