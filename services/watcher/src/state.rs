//! What the shell asks of the engine beyond applying entries: its state as bytes. It adds
//! nothing of its own.

use engine::Engine;

use crate::Crew;

/// The version of the fold whose state a snapshot holds.
pub(crate) const FOLD_VERSION: u32 = 3;

/// The state as sections; nothing while something waits to be taken from the engine.
pub(crate) fn encode(engine: &Engine, crew: &Crew) -> Option<Vec<Vec<u8>>> {
    engine.snapshot(crew)
}

/// The engine of these sections.
pub(crate) fn decode(sections: &[Vec<u8>], crew: &Crew) -> Option<Engine> {
    Engine::restore(crew, sections)
}
