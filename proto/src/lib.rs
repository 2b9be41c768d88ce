//! The contract as code: events, households, regions, journal frames, alerts, ids and error codes.
