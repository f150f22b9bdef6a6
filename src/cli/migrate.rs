//! `migrate`: the layout of the database, and the records of older versions in it.

use ciam_core::store::{Backfill, Backfilled};
use ciam_store::{LayoutState, Migrations};
use serde_json::{Value, json};

use super::answer::{Answer, Failure};
use super::context::Context;
use super::layout::{Layout, outdated};
use crate::settings::Settings;

/// How many of the records that were left are shown to people.
const SHOWN: usize = 10;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Print what would be done, as SQL, and do nothing
    #[arg(long)]
    plan: bool,
    /// Make what is missing, and bring older records up to date; older versions of the site may run beside it
    #[arg(long, conflicts_with = "plan")]
    apply: bool,
    /// No older version of the site runs any more: shut them out, and let new indexes serve
    #[arg(long, requires = "apply", conflicts_with = "plan")]
    all_nodes_updated: bool,
    /// Drop columns and indexes that no version of the site uses any more
    #[arg(long, conflicts_with_all = ["plan", "apply"])]
    contract: bool,
}

pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<Answer, Failure> {
    let settings = context.read_settings()?;
    let layout = Layout::of(&settings.database, &context.blueprint().schema()).await?;
    layout.check_fits()?;
    if arguments.contract {
        layout.check_ready(&settings.database)?;
        return contract(context, &settings, &layout.state).await;
    }
    if arguments.apply {
        return apply(context, &settings, layout, arguments.all_nodes_updated).await;
    }
    let steps = steps(&layout.state);
    let text = match (steps.is_empty(), arguments.plan) {
        (true, _) => "The layout is up to date.".to_owned(),
        (false, true) => steps,
        (false, false) => format!("{steps}\n\n{}", next(&layout.state)),
    };
    Ok(document(Answer::new(text), &layout.state, false))
}

/// All that is to be done, as SQL with comments that say when.
fn steps(layout: &LayoutState) -> String {
    let mut lines = Vec::new();
    if let Some(table) = &layout.outdated {
        lines.push(format!("-- {}:", outdated(table)));
        lines.extend(layout.missing.iter().map(|text| format!("{text};")));
    } else if !layout.missing.is_empty() {
        lines.push("-- `ciam migrate --apply`, beside older versions of the site:".to_owned());
        lines.extend(layout.missing.iter().map(|text| format!("{text};")));
    }
    for unfinished in &layout.unfinished {
        let (table, records) = (&unfinished.table, unfinished.records);
        let many = if records >= 10_000 { "10,000 records or more" } else { "records" };
        let count = if records >= 10_000 { String::new() } else { format!("{records} ") };
        lines.push(format!("-- Both commands then bring {count}{many} of {table} up to date, in small steps."));
    }
    if !layout.unfinished.is_empty() {
        lines.push("-- `ciam migrate --apply --all-nodes-updated`, when no older version runs any more:".to_owned());
        lines.extend(layout.unfinished.iter().flat_map(|unfinished| &unfinished.fence).map(|text| format!("{text};")));
    }
    if !layout.left_over.is_empty() {
        lines.push("-- `ciam migrate --contract`, when no version that runs uses these any more:".to_owned());
        lines.extend(layout.left_over.iter().map(|text| format!("{text};")));
    }
    lines.join("\n")
}

/// What to do next.
fn next(layout: &LayoutState) -> &'static str {
    if layout.outdated.is_some() {
        return "Nothing was done. Next: use a newer version of this program.";
    }
    match (layout.missing.is_empty(), layout.unfinished.is_empty()) {
        (false, _) => "Nothing was done. Next: `ciam migrate --apply`, before the new version of the site is started.",
        (true, false) => {
            "Nothing was done. Next, when every process of the site runs the new version: \
             `ciam migrate --apply --all-nodes-updated`. Until then new indexes do not serve."
        }
        (true, true) => "Nothing was done. `ciam migrate --contract` drops what is left over.",
    }
}

async fn apply(context: &Context, settings: &Settings, layout: Layout, finish: bool) -> Result<Answer, Failure> {
    if layout.is_up_to_date() {
        return Ok(document(Answer::new("The layout is up to date."), &layout.state, false));
    }
    let migrations = match &layout.state.outdated {
        Some(table) if !finish => return Err(Failure::refused("layout_outdated", outdated(table))),
        Some(_) => Migrations::Complete,
        None => Migrations::Apply,
    };
    let schema = context.blueprint().schema();
    let ciam = context.build_migrating(settings, migrations, |builder| builder).await?;
    let backend = ciam.store().backend();
    let done = match Backfill::over(backend.as_ref(), &schema) {
        Some(backfill) if finish => backfill.finish().await,
        Some(backfill) => backfill.run().await,
        None => Ok(Backfilled::default()),
    };
    let done = done.map_err(|error| Failure::unavailable(&error))?;
    let statements = layout.state.missing.len();
    let text = format!("Done: {statements} statements, {} records brought up to date.", done.refreshed);
    let answer = |text: String| document(Answer::new(text), &layout.state, true).with("backfill", backfilled(&done));
    if done.left > 0 {
        let left = format!("{} records were left as they are:\n{}", done.left, shown(&done));
        let advice = "Mend or remove them, and run it again. Until then new indexes over them do not serve.";
        return Ok(answer(format!("{text}\n{left}\n{advice}")).refused("records_left", &left));
    }
    if done.finished {
        // What no document of an older version says: it stands in other records.
        ciam.users().list_older().await.map_err(|error| Failure::unavailable(&error))?;
        return Ok(answer(format!("{text} The layout is up to date.")));
    }
    if finish {
        let still = "an older version of the site is still writing, so nobody was shut out: end it, and run this again";
        return Ok(answer(format!("{text}\n{still}")).refused("still_written", still));
    }
    let next = "Next, when every process of the site runs this version: `ciam migrate --apply --all-nodes-updated`.";
    Ok(answer(format!("{text}\n{next}")))
}

async fn contract(context: &Context, settings: &Settings, layout: &LayoutState) -> Result<Answer, Failure> {
    let ciam = context.build_migrating(settings, Migrations::Refuse, |builder| builder).await?;
    let dropped = match ciam.store().backend().evolution() {
        Some(evolution) => evolution.contract().await.map_err(|error| Failure::unavailable(&error))?,
        None => Vec::new(),
    };
    let text = match dropped.len() {
        0 => "Nothing is left over.".to_owned(),
        some => format!("Done: {some} statements."),
    };
    Ok(document(Answer::new(text), layout, !dropped.is_empty()).with("dropped", dropped))
}

fn document(answer: Answer, layout: &LayoutState, applied: bool) -> Answer {
    let unfinished = layout.unfinished.iter().map(|unfinished| {
        json!({
            "table": unfinished.table,
            "records": unfinished.records,
            "columns": unfinished.columns,
            "fence": unfinished.fence,
        })
    });
    let unfinished: Vec<Value> = unfinished.collect();
    answer
        .with("statements", layout.missing.clone())
        .with("unfinished", unfinished)
        .with("left_over", layout.left_over.clone())
        .with("applied", applied)
}

fn backfilled(done: &Backfilled) -> Value {
    let examples = done
        .examples
        .iter()
        .map(|left| json!({ "collection": left.collection, "id": left.id.to_string(), "why": left.why.to_string() }));
    let examples: Vec<Value> = examples.collect();
    json!({ "refreshed": done.refreshed, "left": done.left, "examples": examples, "finished": done.finished })
}

fn shown(done: &Backfilled) -> String {
    let lines = done.examples.iter().take(SHOWN);
    let lines: Vec<String> =
        lines.map(|left| format!("  {} {}: {}", left.collection, left.id.simple(), left.why)).collect();
    lines.join("\n")
}
