//! A synthetic province, by seed.
