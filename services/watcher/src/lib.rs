//! Carries the journal through the fold and publishes alerts.
