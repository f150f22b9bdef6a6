//! Where the pages of each kind of journey are, and what is carried from one to the next.

use ciam_core::identifiers::{IdentifierId, IdentifierKind};
use ciam_core::journeys::{JourneyKind, LocalPath};

use crate::body::{self, Form};
use crate::error::Way;

/// A kind of journey and where its pages are.
#[derive(Debug, Clone, Copy)]
pub(in crate::pages) struct Place {
    pub(in crate::pages) kind: JourneyKind,
    /// The kind as templates know it.
    pub(in crate::pages) name: &'static str,
    pub(in crate::pages) path: &'static str,
    /// Where somebody goes afterwards who did not say where, if that is not the account.
    pub(super) home: Option<&'static str>,
    /// The way back to the beginning.
    pub(super) again: &'static Way,
}

impl Place {
    const SIGN_UP: Self = Self {
        kind: JourneyKind::SignUp,
        name: "sign_up",
        path: "/sign-up",
        home: None,
        again: &Way { path: "/sign-up", label: "start-again" },
    };
    const SIGN_IN: Self = Self {
        kind: JourneyKind::SignIn,
        name: "sign_in",
        path: "/sign-in",
        home: None,
        again: &Way { path: "/sign-in", label: "start-again" },
    };
    const RECOVER: Self = Self {
        kind: JourneyKind::Recover,
        name: "recover",
        path: "/recover",
        home: None,
        again: &Way { path: "/recover", label: "start-again" },
    };
    const STEP_UP: Self = Self {
        kind: JourneyKind::StepUp,
        name: "step_up",
        path: "/step-up",
        home: None,
        again: &Way { path: "/account", label: "to-account" },
    };
    const ADD: Self = Self {
        kind: JourneyKind::AddIdentifier,
        name: "add_identifier",
        path: "/account/add",
        home: Some("/account/profile?done=added"),
        again: &Way { path: "/account/profile", label: "to-profile" },
    };
    const ENROL: Self = Self {
        kind: JourneyKind::Enrol,
        name: "enrol",
        path: "/account/authenticators/add",
        home: Some("/account/security?done=added"),
        again: &Way { path: "/account/security", label: "to-security" },
    };
    pub(super) const ALL: [Self; 6] =
        [Self::SIGN_UP, Self::SIGN_IN, Self::RECOVER, Self::STEP_UP, Self::ADD, Self::ENROL];

    /// Where the pages of journeys of this kind are.
    pub(in crate::pages) fn of(kind: JourneyKind) -> Self {
        Self::ALL.into_iter().find(|place| place.kind == kind).unwrap_or(Self::SIGN_IN)
    }
}

const RETURN_TO: &str = "return_to";
const ONLY: &str = "only";
const ABOUT: &str = "about";

/// The fields of a journey's form that are ciam's own, as `hidden.html` writes them; the others belong to the step.
pub(super) const OWN_FIELDS: [&str; 5] = ["journey", "answer", RETURN_TO, ONLY, ABOUT];

/// What is carried from page to page of a journey, and from one journey to the next.
#[derive(Debug, Default)]
pub(in crate::pages) struct Onward {
    /// Where the person goes afterwards. The journey knows; this is for links between journeys.
    pub(in crate::pages) return_to: Option<LocalPath>,
    /// The one kind of identifier that is meant, where the journey would take others too.
    pub(in crate::pages) only: Option<IdentifierKind>,
    /// The identifier of the person's own that is to be proved.
    pub(in crate::pages) about: Option<IdentifierId>,
}

impl Onward {
    pub(super) fn of_query(query: Option<&str>) -> Self {
        Self::read(|name| body::query(query, name).map(std::borrow::Cow::into_owned))
    }

    pub(super) fn of_form(form: &Form) -> Self {
        Self::read(|name| form.given(name).map(str::to_owned))
    }

    fn read(value: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            return_to: value(RETURN_TO).and_then(|path| LocalPath::parse(&path)),
            only: value(ONLY).and_then(|text| IdentifierKind::ALL.into_iter().find(|kind| kind.as_str() == text)),
            about: value(ABOUT).and_then(|text| text.parse().ok()),
        }
    }

    /// All that is carried, by name.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let return_to = self.return_to.as_ref().map(|path| (RETURN_TO, path.as_str().to_owned()));
        let only = self.only.map(|kind| (ONLY, kind.as_str().to_owned()));
        let about = self.about.map(|id| (ABOUT, id.to_string()));
        [return_to, only, about].into_iter().flatten().collect()
    }

    /// As a query: empty, or with its question mark.
    pub(super) fn query(&self, first: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(first).extend_pairs(self.pairs());
        let text = query.finish();
        if text.is_empty() { text } else { format!("?{text}") }
    }
}
