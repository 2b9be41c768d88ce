//! The import client: NDJSON files to a door elsewhere.
