//! The log port: append to a partition and read it back; embedded and simulated backends.
