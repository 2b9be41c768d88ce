//! What the shell asks of the engine beyond applying entries: its state as bytes, and a household
//! as it is shown. It adds nothing of its own.

use engine::Engine;
use serde_json::Value;

/// The version of the fold whose state a snapshot holds.
pub(crate) const FOLD_VERSION: u32 = 1;

/// The state as sections, if this engine gives it.
pub(crate) fn encode(_engine: &Engine) -> Option<Vec<Vec<u8>>> {
    None
}

/// The engine of these sections.
pub(crate) fn decode(_sections: &[Vec<u8>]) -> Option<Engine> {
    None
}

/// A household as it is shown.
pub(crate) fn portrait(_engine: &Engine, _household: &str) -> Option<Value> {
    None
}
