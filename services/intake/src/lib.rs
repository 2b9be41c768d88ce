//! The door: HTTP in, well-formed entries out.
