//! Writes the seeds to where cargo-fuzz looks for them: `cargo run --example seed`.

use std::{fs, io};

fn main() -> io::Result<()> {
    for (target, _) in wscope_fuzz::TARGETS {
        let folder = format!("corpus/{target}");
        fs::create_dir_all(&folder)?;
        for (nth, seed) in wscope_fuzz::seeds::of(target).iter().enumerate() {
            fs::write(format!("{folder}/seed-{nth}"), seed)?;
        }
    }
    Ok(())
}
