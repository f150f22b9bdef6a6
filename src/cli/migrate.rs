//! `migrate`: the layout of the database.

use ciam_core::clock::{Clock as _, SystemClock};
use ciam_store::Inspection;

use super::answer::{Answer, Failure};
use super::context::Context;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Print what would be done, as SQL, and do nothing
    #[arg(long)]
    plan: bool,
}

pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<Answer, Failure> {
    let (file, settings) = context.database()?;
    let schema = context.blueprint().schema();
    let unavailable = |error| Failure::unavailable(&error);
    let missing = match Inspection::of(&file, &schema, SystemClock.now()).await.map_err(unavailable)? {
        Some(found) => match found.misfit {
            Some(misfit) => return Err(Failure::refused("layout_misfit", misfit)),
            None => found.missing,
        },
        None => Inspection::of_nothing(&schema).map_err(unavailable)?,
    };
    let document = |text: String, done: bool| {
        let statements: Vec<serde_json::Value> = missing.iter().map(|text| text.as_str().into()).collect();
        Answer::new(text).with("statements", statements).with("applied", done)
    };
    if missing.is_empty() {
        return Ok(document("The layout is up to date.".to_owned(), false));
    }
    if arguments.plan {
        return Ok(document(missing.iter().map(|text| format!("{text};")).collect::<Vec<_>>().join("\n"), false));
    }
    context.build(&file, &settings, |builder| builder).await?;
    Ok(document(format!("Done: {} statements. `ciam migrate --plan` shows them before.", missing.len()), true))
}
