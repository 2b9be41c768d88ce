//! Replays files through the same fold.
