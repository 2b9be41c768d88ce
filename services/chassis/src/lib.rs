//! What every service stands on: configuration, telemetry, health, clock, start and stop.
