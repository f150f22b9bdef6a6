//! `user list`: users that pass a filter, a page at a time.

use ciam_core::clock::Timestamp;
use ciam_core::store::{Filter, MAX_PAGE, Search, SearchCursor, Sort};
use ciam_core::users::User;
use serde_json::{Value, json};

use super::super::answer::{Answer, Failure, columns};
use super::super::context::Context;

/// How far users are counted.
const COUNTED: u32 = 100_000;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct List {
    /// Whose verified address holds this text
    #[arg(long, value_name = "TEXT")]
    email_contains: Option<String>,
    /// Whose verified address begins with this text
    #[arg(long, value_name = "TEXT")]
    email_starts_with: Option<String>,
    /// Whose name holds this text
    #[arg(long, value_name = "TEXT")]
    name_contains: Option<String>,
    /// Whose account is in this state
    #[arg(long, value_parser = ["active", "suspended"])]
    status: Option<String>,
    /// Whose account was created then or later, in RFC 3339: 2026-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    created_after: Option<String>,
    /// Whose account was created before then
    #[arg(long, value_name = "TIME")]
    created_before: Option<String>,
    /// In which order; a minus in front turns it around
    #[arg(long, default_value = "-created", allow_hyphen_values = true, value_parser = [
        "created", "-created", "email", "-email", "name", "-name", "status", "-status",
    ])]
    sort: String,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PAGE)))]
    limit: u32,
    /// Go on where an earlier page ended: what it called `next`
    #[arg(long, value_name = "NEXT", allow_hyphen_values = true)]
    page: Option<String>,
}

impl List {
    fn search(&self) -> Result<Search<User>, Failure> {
        let moment =
            |text: &String| Timestamp::parse_rfc3339(text).ok_or_else(|| Failure::usage("a time is not in RFC 3339"));
        let mut filter = Filter::all();
        if let Some(text) = &self.email_contains {
            filter = filter.and(User::EMAIL.contains(&text.to_lowercase()));
        }
        if let Some(text) = &self.email_starts_with {
            filter = filter.and(User::EMAIL.starts_with(&text.to_lowercase()));
        }
        if let Some(text) = &self.name_contains {
            filter = filter.and(User::NAME.contains(&text.to_lowercase()));
        }
        if let Some(status) = &self.status {
            filter = filter.and(User::STATUS.eq(status.as_str()));
        }
        if let Some(after) = &self.created_after {
            filter = filter.and(User::REGISTERED.ge(&moment(after)?));
        }
        if let Some(before) = &self.created_before {
            filter = filter.and(User::REGISTERED.lt(&moment(before)?));
        }
        let search = Search::of(filter).sort(self.order()).limit(self.limit).total_up_to(COUNTED);
        match &self.page {
            None => Ok(search),
            Some(page) => Ok(search.after(SearchCursor::decode(page).map_err(Failure::usage)?)),
        }
    }

    fn order(&self) -> Sort<User> {
        match self.sort.as_str() {
            "created" => User::REGISTERED.ascending(),
            "email" => User::EMAIL.ascending(),
            "-email" => User::EMAIL.descending(),
            "name" => User::NAME.ascending(),
            "-name" => User::NAME.descending(),
            "status" => User::STATUS.ascending(),
            "-status" => User::STATUS.descending(),
            _ => User::REGISTERED.descending(),
        }
    }
}

pub(super) async fn run(context: &Context, list: &List) -> Result<Answer, Failure> {
    let search = list.search()?;
    let ciam = context.engine().await?;
    let found = ciam.users().search(&search).await.map_err(super::refusal)?;
    let next = found.next.as_ref().map(SearchCursor::encode);
    let total = found.total.map(|total| json!({ "count": total.count, "exact": total.is_exact }));
    let mut rows: Vec<Vec<String>> = found.items.iter().map(row).collect();
    let mut text = "No users.".to_owned();
    if !rows.is_empty() {
        rows.insert(0, ["user", "created", "status", "email", "name"].map(str::to_owned).to_vec());
        text = columns(&rows);
    }
    if let Some(total) = found.total {
        let more = if total.is_exact { "" } else { " and more" };
        text = format!("{text}\nIn all: {}{more}.", total.count);
    }
    if let Some(next) = &next {
        text = format!("{text}\nMore: --page {next}");
    }
    let users = found.items.iter().map(document).collect::<Vec<_>>();
    Ok(Answer::new(text).with("users", users).with("next", next).with("total", total))
}

fn row(user: &User) -> Vec<String> {
    let text = |text: Option<&str>| text.unwrap_or("-").to_owned();
    vec![
        user.id.to_string(),
        user.created.rfc3339(),
        text(user.listed.as_ref().map(|listed| listed.status.as_str())),
        text(user.listed.as_ref().and_then(|listed| listed.email.as_ref()).map(|email| email.as_str())),
        text(user.name.as_ref().map(|name| name.as_str())),
    ]
}

fn document(user: &User) -> Value {
    json!({
        "id": user.id.to_string(),
        "name": user.name.as_ref().map(|name| name.as_str()),
        "status": user.listed.as_ref().map(|listed| listed.status.as_str()),
        "email": user.listed.as_ref().and_then(|listed| listed.email.as_ref()).map(|email| email.as_str()),
        "created_at": user.created.rfc3339(),
    })
}
