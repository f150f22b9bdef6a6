//! What a person needs to bring a key into their app.

use ciam_core::secret::Secret;

use super::{TotpError, TotpKey, qr};

/// How long the two names in a link may be: more characters make the QR code too fine for a cheap camera.
const NAME: usize = 40;

/// A key on its way into an app. All three say the seed, so none of them prints.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The seed in base32, in groups of four: for people who type it.
    pub secret: Secret<String>,
    /// The link `otpauth://totp/…` in the form that apps read: for a page that is opened on the telephone itself.
    pub uri: Secret<String>,
    /// The link as a QR code: an `svg` element of black squares on white, without text, scripts or styles, to be put
    /// into a page as markup.
    pub svg: Secret<String>,
}

impl TotpKey {
    /// What is shown so that an app takes the key over. `issuer` is the name of the site, `account` that of the
    /// person, such as an address; both stand beside the code in the app, cut to 40 characters and without colons,
    /// which the form of the link keeps for itself. A blank issuer is left out.
    ///
    /// # Errors
    /// [`TotpError::Unnamed`] for a blank account; [`TotpError::TooLong`] when no QR code holds the link.
    pub fn offer(&self, issuer: &str, account: &str) -> Result<Offer, TotpError> {
        let (issuer, account) = (shown(issuer), shown(account));
        if account.is_empty() {
            return Err(TotpError::Unnamed);
        }
        let uri = Self::builder(self.seed.expose(), self.parameters)
            .with_issuer(Some(issuer).filter(|issuer| !issuer.is_empty()))
            .with_account_name(account)
            .build_noncompliant()
            .to_url()
            .map_err(|_| TotpError::Unnamed)?;
        let svg = qr::svg(&uri).ok_or(TotpError::TooLong)?;
        let text = Secret::new(self.codes.secret().to_base32());
        Ok(Offer { secret: grouped(text.expose()), uri: Secret::new(uri), svg })
    }
}

/// A name as the link can carry it.
fn shown(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c == ':' || c.is_control() { ' ' } else { c }).collect();
    plain.trim().chars().take(NAME).collect::<String>().trim_end().to_owned()
}

fn grouped(text: &str) -> Secret<String> {
    let mut groups = String::with_capacity(text.len() + text.len() / 4);
    for (at, letter) in text.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            groups.push(' ');
        }
        groups.push(letter);
    }
    Secret::new(groups)
}
