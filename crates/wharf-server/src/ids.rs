//! Where new ids come from.

use uuid::Uuid;
use wharf_model::{GroupId, OperationId};
use wharf_store::NewIds;

/// 64 random bits.
pub(crate) fn random_bits() -> u64 {
    Uuid::new_v4().as_u64_pair().0 ^ Uuid::new_v4().as_u64_pair().1
}

/// Ids for what one request may make.
pub(crate) fn new_ids() -> NewIds {
    NewIds { group: GroupId::from_bits(random_bits()), operation: new_operation() }
}

/// The id of one operation.
pub(crate) fn new_operation() -> OperationId {
    OperationId(Uuid::new_v4())
}

/// Fills `bytes` with what nobody can guess.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), aws_lc_rs::error::Unspecified> {
    aws_lc_rs::rand::fill(bytes)
}
