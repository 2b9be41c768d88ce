//! The suite that every backend of the log port passes.

use std::sync::Arc;

use log::contract::{self, Place};
use log::{Log, LogError};
use log_kafka::{KafkaLog, Settings};

use crate::{cluster, fresh, made};

/// A topic that is made when it is opened for the first time.
struct Made(String);

impl Place for Made {
    fn open(&self, partitions: u32) -> Result<Arc<dyn Log>, LogError> {
        let cluster = cluster().unwrap();
        if let Err(LogError::Topic) = cluster.partitions_of(&self.0) {
            made(cluster, &self.0, partitions);
        }
        Ok(Arc::new(KafkaLog::open(cluster, &Settings::new(&self.0, partitions))?))
    }
}

#[test]
fn the_port_contract_holds_on_kafka() {
    if cluster().is_some() {
        contract::run_port(&|| Box::new(Made(fresh("contract"))));
    }
}
