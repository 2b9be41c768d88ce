//! Household state, facts, decisions and cases: the pure fold.
