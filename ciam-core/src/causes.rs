//! An error in words, with what it came from.

use std::error::Error;

/// An error and its causes, from the outermost in: `the store cannot be made ready: the disk is full`.
///
/// For logs and operators. What a store or a mail server says may name hosts and files, so it goes to no visitor.
#[must_use]
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    causes.fold(error.to_string(), |said, cause| format!("{said}: {cause}"))
}
