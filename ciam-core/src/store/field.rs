//! Searchable fields: what a [`Directory`](super::Directory) filters and sorts by.

use std::fmt;
use std::marker::PhantomData;

use super::filter::{Filter, Test};
use super::record::Record;
use super::search::{RawSort, Sort};
use super::spec::FieldSpec;
use super::value::{Column, ColumnType, TextColumn, Value};
use crate::clock::Timestamp;

/// A typed field that records are searched by: names its column and how to get its value, once.
///
/// Text is compared byte by byte. Where case must not matter, the extractor folds it, and so does whoever asks. An SQL
/// backend keeps an index over every field that a collection declares, so its text should be short: PostgreSQL refuses
/// a record ([`StoreError::TooLarge`](super::StoreError::TooLarge)) with one of more than some 2,600 bytes.
///
/// ```
/// use ciam_core::store::{Collection, Field, Record, Search, Store, StoreError};
/// use serde::{Deserialize, Serialize};
///
/// ciam_core::id!(BookId, "book", "A book.");
///
/// #[derive(Debug, Clone, Serialize, Deserialize)]
/// struct Book { id: BookId, title: String, year: Option<i64> }
///
/// impl Record for Book {
///     type Id = BookId;
///     const COLLECTION: Collection<Self> = Collection::new("books").searchable(&Book::TITLE).searchable(&Book::YEAR);
///     fn id(&self) -> BookId { self.id }
/// }
/// impl Book {
///     const TITLE: Field<Book, String> = Field::new("title", |book| book.title.to_lowercase());
///     const YEAR: Field<Book, Option<i64>> = Field::new("year", |book| book.year);
/// }
///
/// # async fn some(store: &Store) -> Result<(), StoreError> {
/// let recent = Book::TITLE.contains("rust").and(Book::YEAR.ge(&2015));
/// let found = store.search(&Search::of(recent).sort(Book::YEAR.descending()).total_up_to(1000)).await?;
/// for book in found.items { println!("{}", book.title); }
/// # Ok(())
/// # }
/// ```
pub struct Field<R, C> {
    column: &'static str,
    /// None for what every record has without declaring it.
    of: Option<fn(&R) -> C>,
}

impl<R: Record, C: Column> Field<R, C> {
    /// A field in a column of this name: lower-case letters, digits and underscores. Where an index of the collection
    /// has a column of this name it is the same one, with the same value.
    #[must_use]
    pub const fn new(column: &'static str, of: fn(&R) -> C) -> Self {
        Self { column, of: Some(of) }
    }

    /// The records with this value.
    #[must_use]
    pub fn eq<V: Column + ?Sized>(&self, value: &V) -> Filter<R>
    where
        C: Searched<V>,
    {
        self.test(Test::Eq(value.value()))
    }

    /// The records with another value, or with none.
    #[must_use]
    pub fn ne<V: Column + ?Sized>(&self, value: &V) -> Filter<R>
    where
        C: Searched<V>,
    {
        self.test(Test::Ne(value.value()))
    }

    /// The records with a lower value.
    #[must_use]
    pub fn lt<V: Column + ?Sized>(&self, value: &V) -> Filter<R>
    where
        C: Searched<V>,
    {
        self.test(Test::Lt(value.value()))
    }

    /// The records with this value or a lower one.
    #[must_use]
    pub fn le<V: Column + ?Sized>(&self, value: &V) -> Filter<R>
    where
        C: Searched<V>,
    {
        self.test(Test::Le(value.value()))
    }

    /// The records with a higher value.
    #[must_use]
    pub fn gt<V: Column + ?Sized>(&self, value: &V) -> Filter<R>
    where
        C: Searched<V>,
    {
        self.test(Test::Gt(value.value()))
    }

    /// The records with this value or a higher one.
    #[must_use]
    pub fn ge<V: Column + ?Sized>(&self, value: &V) -> Filter<R>
    where
        C: Searched<V>,
    {
        self.test(Test::Ge(value.value()))
    }

    /// The records with one of these values.
    #[must_use]
    pub fn is_in<'v, V: Column + ?Sized + 'v>(&self, values: impl IntoIterator<Item = &'v V>) -> Filter<R>
    where
        C: Searched<V>,
    {
        self.test(Test::In(values.into_iter().map(Column::value).collect()))
    }

    /// The records that have a value.
    #[must_use]
    pub fn is_present(&self) -> Filter<R> {
        self.test(Test::Present)
    }

    /// The records whose text starts with this one.
    #[must_use]
    pub fn starts_with(&self, text: &str) -> Filter<R>
    where
        C: TextColumn,
    {
        self.test(Test::StartsWith(text.to_owned()))
    }

    /// The records whose text ends with this one. No index helps.
    #[must_use]
    pub fn ends_with(&self, text: &str) -> Filter<R>
    where
        C: TextColumn,
    {
        self.test(Test::EndsWith(text.to_owned()))
    }

    /// The records whose text holds this one. No index helps.
    #[must_use]
    pub fn contains(&self, text: &str) -> Filter<R>
    where
        C: TextColumn,
    {
        self.test(Test::Contains(text.to_owned()))
    }

    /// The lowest first, and what has no value last.
    #[must_use]
    pub const fn ascending(&self) -> Sort<R> {
        Sort { raw: RawSort { field: self.column, descending: false }, record: PhantomData }
    }

    /// The highest first, and what has no value before it: the reverse of [`Field::ascending`] (RFC 7644 §3.4.2.3).
    #[must_use]
    pub const fn descending(&self) -> Sort<R> {
        Sort { raw: RawSort { field: self.column, descending: true }, record: PhantomData }
    }

    fn test(&self, test: Test) -> Filter<R> {
        Filter::test(self.column, test)
    }
}

impl<R: Record> Field<R, Timestamp> {
    /// When the record was inserted. Every collection is searched by it; one that declares it has an index for it.
    pub const CREATED_AT: Self = Self { column: FieldSpec::CREATED_AT.column, of: None };
    /// When the record was inserted, replaced or touched last. Every collection is searched by it; one that declares
    /// it has an index for it.
    pub const UPDATED_AT: Self = Self { column: FieldSpec::UPDATED_AT.column, of: None };
}

impl<R: Record> Field<R, R::Id>
where
    R::Id: Column,
{
    /// The record's id, by which every collection is searched. Ids that were drawn are ordered by creation.
    pub const ID: Self = Self { column: FieldSpec::ID.column, of: None };
}

impl<R, C> fmt::Debug for Field<R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field").field("column", &self.column).finish_non_exhaustive()
    }
}

/// A field of this type is compared with values of the type `V`: with its own, or with what an option holds.
pub trait Searched<V: ?Sized>: Column {}

impl<C: Column> Searched<C> for C {}
impl<C: Column> Searched<C> for Option<C> {}
impl Searched<str> for String {}
impl Searched<str> for Option<String> {}
impl Searched<str> for &'static str {}
impl Searched<str> for Option<&'static str> {}

/// A [`Field`] whose value type is forgotten; implemented by it alone.
pub trait AnyField<R>: Sync + Send {
    #[doc(hidden)]
    fn spec(&self) -> FieldSpec;
    /// The value; none of a field that every record has without declaring it.
    #[doc(hidden)]
    fn value(&self, record: &R) -> Option<Value>;
    #[doc(hidden)]
    fn is_column(&self) -> bool;
}

impl<R: Record, C: Column + 'static> AnyField<R> for Field<R, C> {
    fn spec(&self) -> FieldSpec {
        let kind: ColumnType = C::TYPE;
        FieldSpec { column: self.column, kind, nullable: C::NULLABLE }
    }

    fn value(&self, record: &R) -> Option<Value> {
        self.of.map(|of| of(record).value())
    }

    fn is_column(&self) -> bool {
        self.of.is_some()
    }
}
