//! The log port on Apache Kafka, and what else of Levee touches a broker: headers and plans of
//! topics, membership of groups, feeds that others write. librdkafka stays behind this crate.
//!
//! It refuses to know households, events and frames. What it knows of content is how a record's
//! key and headers follow from the record ([`Dress`]).

mod cluster;
mod connection;
mod envelope;
mod fault;
mod feed;
mod group;
mod headers;
mod kafka_log;
mod reader;
mod sender;
mod told;
mod topics;
pub mod yardstick;

pub use cluster::Cluster;
pub use connection::Connection;
pub use envelope::{Dress, Envelope, STRUCTURED};
pub use feed::{Feed, FeedSettings};
pub use group::{Change, Group, HandOver, Member};
pub use headers::{HEADERS, header_of};
pub use kafka_log::{KafkaLog, Settings};
pub use topics::{Difference, Plan, PlanError, Topic};
