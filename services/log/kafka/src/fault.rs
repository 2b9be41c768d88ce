//! What librdkafka says as an error with a stable code. It keeps names of errors, never content.

use log::LogError;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// An error of a call that changes nothing.
pub(crate) fn failed(action: &'static str, error: &KafkaError) -> LogError {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::InvalidTopic,
        ) => LogError::Topic,
        Some(code) => LogError::Io { action, detail: code.to_string() },
        None => LogError::Io { action, detail: error.to_string() },
    }
}

/// What became of a record that the broker did not take.
pub(crate) fn not_taken(error: &KafkaError) -> LogError {
    const ACTION: &str = "appending to the broker";
    let Some(code) = error.rdkafka_error_code() else { return failed(ACTION, error) };
    match code {
        // Refused before anything was written, by this client or by the broker.
        RDKafkaErrorCode::UnknownTopicOrPartition
        | RDKafkaErrorCode::UnknownTopic
        | RDKafkaErrorCode::UnknownPartition
        | RDKafkaErrorCode::InvalidTopic => LogError::Topic,
        RDKafkaErrorCode::MessageSizeTooLarge
        | RDKafkaErrorCode::MessageBatchTooLarge
        | RDKafkaErrorCode::PolicyViolation
        | RDKafkaErrorCode::InvalidRecord
        | RDKafkaErrorCode::TopicAuthorizationFailed
        | RDKafkaErrorCode::ClusterAuthorizationFailed
        | RDKafkaErrorCode::NotEnoughReplicas
        | RDKafkaErrorCode::QueueFull
        | RDKafkaErrorCode::PurgeQueue
        | RDKafkaErrorCode::Fatal => LogError::Io { action: ACTION, detail: code.to_string() },
        // Of anything else it is not known whether it was written.
        _ => LogError::Unconfirmed { detail: code.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_surely_was_not_written_is_a_plain_error() {
        let code = |code| not_taken(&KafkaError::MessageProduction(code)).code();
        assert_eq!(code(RDKafkaErrorCode::MessageTimedOut), "log.unconfirmed");
        assert_eq!(code(RDKafkaErrorCode::NotEnoughReplicasAfterAppend), "log.unconfirmed");
        assert_eq!(code(RDKafkaErrorCode::PurgeInflight), "log.unconfirmed");
        assert_eq!(code(RDKafkaErrorCode::BrokerTransportFailure), "log.unconfirmed");
        assert_eq!(code(RDKafkaErrorCode::MessageSizeTooLarge), "log.io");
        assert_eq!(code(RDKafkaErrorCode::UnknownTopicOrPartition), "log.topic");
    }
}
