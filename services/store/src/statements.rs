//! Statements that both backends understand as they stand.

/// [`Sending::again_after`](crate::Sending::again_after) of subscription `$1`, channel `$2`, message `$3`,
/// at `$4`. A message whose end is not written yet counts from when it was due: rather too much comes
/// again than too little.
pub(crate) const AGAIN_AFTER: &str = "UPDATE deliveries SET state = 0, parcel = NULL, born = $4, \
    due = $4, attempt = 0, settled_at = NULL \
    WHERE subscription = $1 AND channel = $2 AND state = 2 AND alert <> $3 \
    AND (parcel IS NULL OR parcel <> $3) AND settled_at >= \
    (SELECT MAX(COALESCE(settled_at, born)) FROM deliveries WHERE subscription = $1 \
    AND channel = $2 AND (alert = $3 OR parcel = $3))";
