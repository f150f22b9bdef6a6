//! `migrate`: the layout of the database.

use super::answer::{Answer, Failure};
use super::context::Context;
use super::layout::Layout;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Print what would be done, as SQL, and do nothing
    #[arg(long)]
    plan: bool,
}

pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<Answer, Failure> {
    let settings = context.read_settings()?;
    let Layout { missing, misfit, .. } = Layout::of(&settings.database, &context.blueprint().schema()).await?;
    if let Some(misfit) = misfit {
        return Err(Failure::refused("layout_misfit", misfit));
    }
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
    context.build(&settings, |builder| builder).await?;
    Ok(document(format!("Done: {} statements. `ciam migrate --plan` shows them before.", missing.len()), true))
}
