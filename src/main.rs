//! The `wscope` command.

fn main() {}
