//! The binary `levee`: arguments and wiring.

fn main() {}
