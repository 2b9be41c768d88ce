//! Partitions that no member of a group has, and who joins again so that they are handed out.
//!
//! A member that is asked for partitions gives them up and joins again, and only that hands them to
//! another. Where it dies in between and a new process has its name before the session is over, the
//! broker sees a member that goes on, and nobody is handed anything until somebody joins or leaves.
//! So every member looks now and then.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};

/// How long a look may take; it is no time for a group whose coordinator does not answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// What brokers call a group that hands nothing out just now.
const STABLE: &str = "Stable";

/// What one member knows of them.
pub(super) struct Unowned {
    group: String,
    topic: String,
    partitions: u32,
    /// There were some at the last look.
    seen: bool,
}

impl Unowned {
    pub(super) fn new(group: &str, topic: &str, partitions: u32) -> Unowned {
        Unowned { group: group.to_owned(), topic: topic.to_owned(), partitions, seen: false }
    }

    /// Says whether it is this member that must join again: there were some at two looks in a row,
    /// and nobody has fewer partitions to lay down for it. What cannot be asked is asked another time.
    pub(super) fn look<C: ConsumerContext>(&mut self, consumer: &BaseConsumer<C>) -> bool {
        let some = self.some(consumer).unwrap_or(false);
        let again = some && self.seen;
        self.seen = some && !again;
        again
    }

    fn some<C: ConsumerContext>(&self, consumer: &BaseConsumer<C>) -> Option<bool> {
        let own = consumer.assignment().ok()?.count();
        let told = consumer.fetch_group_list(Some(&self.group), PATIENCE).ok()?;
        let group = told.groups().iter().find(|group| group.name() == self.group)?;
        if group.state() != STABLE {
            return None;
        }
        let held = |assignment: Option<&[u8]>| held(assignment.unwrap_or_default(), &self.topic);
        let members: Option<Vec<BTreeSet<u32>>> =
            group.members().iter().map(|member| held(member.assignment())).collect();
        Some(mine_to_mend(self.partitions, &members?, own))
    }
}

/// Whether some partitions are nobody's, and no member has fewer than these `own`.
fn mine_to_mend(partitions: u32, members: &[BTreeSet<u32>], own: usize) -> bool {
    let nobodys = |partition: &u32| !members.iter().any(|held| held.contains(partition));
    (0..partitions).any(|partition| nobodys(&partition))
        && members.iter().all(|held| own <= held.len())
}

/// The partitions of a topic in a member's assignment, Kafka's `ConsumerProtocolAssignment`: a version,
/// then topics with their partitions. Nothing for bytes that are none.
fn held(assignment: &[u8], topic: &str) -> Option<BTreeSet<u32>> {
    let mut rest = assignment;
    let mut found = BTreeSet::new();
    if rest.is_empty() {
        return Some(found);
    }
    take::<2>(&mut rest)?;
    for _ in 0..u32::from_be_bytes(take(&mut rest)?) {
        let length = usize::from(u16::from_be_bytes(take(&mut rest)?));
        let (name, further) = rest.split_at_checked(length)?;
        rest = further;
        for _ in 0..u32::from_be_bytes(take(&mut rest)?) {
            let partition = u32::from_be_bytes(take(&mut rest)?);
            if name == topic.as_bytes() {
                found.insert(partition);
            }
        }
    }
    Some(found)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, further) = rest.split_first_chunk()?;
    *rest = further;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_for_one_topic() {
        let mut bytes = vec![0, 3, 0, 0, 0, 2];
        for (topic, partitions) in [("journal", vec![0u32, 3]), ("persons", vec![1])] {
            bytes.extend(u16::try_from(topic.len()).unwrap().to_be_bytes());
            bytes.extend(topic.as_bytes());
            bytes.extend(u32::try_from(partitions.len()).unwrap().to_be_bytes());
            partitions.iter().for_each(|p| bytes.extend(p.to_be_bytes()));
        }
        bytes.extend([0xff; 4]);
        assert_eq!(held(&bytes, "journal"), Some([0, 3].into()));
        assert_eq!(held(&bytes, "persons"), Some([1].into()));
        assert_eq!(held(&bytes, "alerts"), Some([].into()));
        assert_eq!(held(&[], "journal"), Some([].into()), "one that has nothing yet");
        for cut in 1..bytes.len() - 4 {
            assert_eq!(held(&bytes[..cut], "journal"), None, "cut at {cut}");
        }
        assert_eq!(held(&[0, 3, 0xff, 0xff, 0xff, 0xff], "journal"), None, "a count that lies");
    }

    #[test]
    fn the_member_with_the_fewest_mends_what_is_nobodys() {
        let members = |all: &[&[u32]]| -> Vec<BTreeSet<u32>> {
            all.iter().map(|held| held.iter().copied().collect()).collect()
        };
        let some = members(&[&[2, 3], &[]]);
        assert!(mine_to_mend(4, &some, 0));
        assert!(!mine_to_mend(4, &some, 2));
        assert!(!mine_to_mend(4, &members(&[&[2, 3], &[0, 1]]), 2), "all are somebody's");
        assert!(mine_to_mend(4, &members(&[&[3], &[1]]), 1), "two who have as few");
    }
}
