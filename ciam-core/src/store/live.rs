//! Numbers of a record that change without its version: tallies and peaks.

use std::fmt;

use super::error::StoreError;
use super::record::Record;
use crate::clock::Timestamp;

/// A number that a [`Tally`] or [`Peak`] keeps.
pub trait Number: Copy + Send + Sync + 'static {
    /// As a column holds it.
    fn to_column(self) -> i64;
    /// From what a column holds.
    fn from_column(value: i64) -> Self;
}

impl Number for i64 {
    fn to_column(self) -> i64 {
        self
    }

    fn from_column(value: i64) -> Self {
        value
    }
}

impl Number for Timestamp {
    fn to_column(self) -> i64 {
        self.micros()
    }

    fn from_column(value: i64) -> Self {
        Self::from_micros(value)
    }
}

macro_rules! live_column {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<R, N = i64> {
            name: &'static str,
            at: fn(&mut R) -> &mut N,
        }

        impl<R, N> $name<R, N> {
            /// Declares the column and the field that shows its value.
            #[must_use]
            pub const fn new(name: &'static str, at: fn(&mut R) -> &mut N) -> Self {
                Self { name, at }
            }

            pub(crate) const fn name(&self) -> &'static str {
                self.name
            }
        }

        impl<R: Record, N: Number> AnyLive<R> for $name<R, N> {
            fn name(&self) -> &'static str {
                self.name
            }

            fn get(&self, record: &mut R) -> i64 {
                (self.at)(record).to_column()
            }

            fn set(&self, record: &mut R, value: i64) {
                *(self.at)(record) = N::from_column(value);
            }
        }

        impl<R, N> fmt::Debug for $name<R, N> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.name).finish()
            }
        }
    };
}

live_column! {
    /// A counter that `add` changes without a look at the version: failures, tries, seats.
    ///
    /// The record shows its value in the field; replacing the record leaves the counter as it is.
    Tally
}

live_column! {
    /// A number that `raise` only ever moves upwards: the last step used, the last time seen.
    ///
    /// The record shows its value in the field; replacing the record leaves the peak as it is.
    Peak
}

impl<R: Record, N> Tally<R, N> {
    /// Whether the error says that this tally has reached its bound.
    #[must_use]
    pub fn exceeded(&self, error: &StoreError) -> bool {
        matches!(error, StoreError::Exceeded { collection, tally }
            if *collection == R::COLLECTION.name() && *tally == self.name)
    }
}

impl<R: Record, N> Peak<R, N> {
    /// Whether the error says that this peak was as high before, where it was to be raised strictly.
    #[must_use]
    pub fn exceeded(&self, error: &StoreError) -> bool {
        matches!(error, StoreError::Exceeded { collection, tally }
            if *collection == R::COLLECTION.name() && *tally == self.name)
    }
}

/// A [`Tally`] or [`Peak`] whose number type is forgotten; implemented by them alone.
pub trait AnyLive<R>: Sync + Send {
    #[doc(hidden)]
    fn name(&self) -> &'static str;
    #[doc(hidden)]
    fn get(&self, record: &mut R) -> i64;
    #[doc(hidden)]
    fn set(&self, record: &mut R, value: i64);
}
