//! One batch as one flight of statements: BEGIN, its operations and COMMIT leave together, and the answers come back
//! together, so that a batch costs one round trip and holds its locks no longer than it must.
//!
//! A connection reads only unless a BEGIN says otherwise. If that BEGIN fails (somebody cancels it by hand), the
//! statements behind it, which would each be a transaction of its own, are refused, all of them.
//!
//! In a transaction of the host's the operations alone leave together, once there is a savepoint for them.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use ciam_core::store::StoreError;
use deadpool_postgres::ClientWrapper;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Statement, Transaction};

use super::batch::Step;
use super::failure::{Failure, commit_refusal, refusal, unavailable};
use super::values::Param;

/// What opens a transaction that writes.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE";
/// What a batch is taken back to, in a transaction of the host's.
pub(super) const SAVEPOINT: &str = "SAVEPOINT ciam";
const RELEASE: &str = "RELEASE SAVEPOINT ciam";
/// Takes back what came after the savepoint, and the savepoint.
pub(super) const BACK: &str = "ROLLBACK TO SAVEPOINT ciam; RELEASE SAVEPOINT ciam";

/// A statement that is on its way: how many rows it has changed.
type OnItsWay<'c> = Pin<Box<dyn Future<Output = Result<u64, Error>> + Send + 'c>>;

/// Sends the statements as one transaction, and answers how many rows each has changed.
pub(super) async fn fly(client: &ClientWrapper, steps: &[Step<'_>]) -> Result<Vec<u64>, Failure> {
    let mut prepared = Vec::with_capacity(steps.len());
    for step in steps {
        let statement = client.prepare_cached(step.text).await.map_err(|error| Failure::Refused(unavailable(error)))?;
        check_fits(&statement, step)?;
        prepared.push(statement);
    }
    let simple =
        |text: &'static str| -> OnItsWay<'_> { Box::pin(async move { client.batch_execute(text).await.map(|()| 0) }) };
    let mut flight = Vec::with_capacity(steps.len() + 2);
    flight.push(simple(BEGIN));
    for (statement, step) in prepared.iter().zip(steps) {
        flight.push(Box::pin(client.execute_raw(statement, &step.params)) as OnItsWay<'_>);
    }
    flight.push(simple("COMMIT"));
    let mut answers = answers(flight).await.into_iter();

    let begun = answers.next();
    let mut changed = Vec::with_capacity(steps.len());
    let mut lost = begun.and_then(Result::err);
    for (step, answer) in steps.iter().zip(answers.by_ref()) {
        match answer {
            Ok(rows) => changed.push(rows),
            // The server has said no: the rest of the flight was not kept, whatever else went wrong.
            Err(error) if error.as_db_error().is_some() => {
                return Err(match lost {
                    Some(begin) => Failure::Refused(unavailable(begin)),
                    None => refusal(step, error),
                });
            }
            Err(error) => lost = lost.or(Some(error)),
        }
    }
    match (lost, answers.next()) {
        (Some(error), _) => Err(Failure::Refused(super::failure::unknown(error))),
        (None, Some(Err(error))) => Err(Failure::Refused(commit_refusal(error))),
        (None, _) => Ok(changed),
    }
}

/// Refuses a statement whose parameters cannot be sent: it would be missing in the flight, and the COMMIT behind it would
/// keep the others.
fn check_fits(statement: &Statement, step: &Step<'_>) -> Result<(), Failure> {
    let wanted = statement.params();
    match wanted.len() == step.params.len() && step.params.iter().zip(wanted).all(|(param, ty)| param.fits(ty)) {
        true => Ok(()),
        false => Err(Failure::Refused(StoreError::Misuse("a column is not of the type that its collection declares"))),
    }
}

/// Sends the statements within a transaction that has a savepoint, which is then released. When one is refused the
/// transaction can go on only from its savepoint.
pub(super) async fn fly_along(transaction: &Transaction<'_>, steps: &[Step<'_>]) -> Result<(), Failure> {
    // Nothing is prepared: that would be a round trip for each statement, and would stay on the host's connection.
    let mut flight: Vec<OnItsWay<'_>> = Vec::with_capacity(steps.len() + 1);
    for step in steps {
        flight.push(Box::pin(async move {
            let params: Vec<(&(dyn ToSql + Sync), Type)> =
                step.params.iter().map(|param: &Param| (param as _, param.kind())).collect();
            transaction.execute_typed(step.text, &params).await
        }));
    }
    flight.push(Box::pin(async move { transaction.batch_execute(RELEASE).await.map(|()| 0) }));
    let mut answers = answers(flight).await.into_iter();
    for (step, answer) in steps.iter().zip(answers.by_ref()) {
        answer.map_err(|error| refusal(step, error))?;
    }
    match answers.next() {
        Some(Err(error)) => Err(Failure::Refused(unavailable(error))),
        _ => Ok(()),
    }
}

/// Sends all of them, in order, before it waits for the first.
async fn answers(flight: Vec<OnItsWay<'_>>) -> Vec<Result<u64, Error>> {
    let mut sent = Vec::with_capacity(flight.len());
    for mut statement in flight {
        // What is asked for the first time is sent.
        let first = poll_fn(|context| Poll::Ready(statement.as_mut().poll(context))).await;
        sent.push(match first {
            Poll::Ready(answer) => Ok(answer),
            Poll::Pending => Err(statement),
        });
    }
    let mut answers = Vec::with_capacity(sent.len());
    for answer in sent {
        answers.push(match answer {
            Ok(answer) => answer,
            Err(waiting) => waiting.await,
        });
    }
    answers
}
