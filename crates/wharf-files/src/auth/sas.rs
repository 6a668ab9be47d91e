//! Shared access signatures: of an account, of a share, of one file.

use std::net::IpAddr;

use jiff::Timestamp;

use super::{failed, is_signed};
use crate::{
    accounts::Account,
    error::{Code, FilesError},
    request::Call,
    shares::{AccessPolicy, Shares},
    times::parse_iso,
};

/// The oldest version whose signatures are understood.
const OLDEST: &str = "2015-04-05";
/// From this version on an account's signature covers an encryption scope, which is empty.
const ENCRYPTION_SCOPE: &str = "2020-12-06";

/// What a signature allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    permissions: String,
    /// Kinds of resources, of an account's signature.
    types: Option<String>,
    /// A signature of one file allows nothing else.
    one_file: bool,
    pub(crate) overrides: Overrides,
}

/// Headers that a signature puts into responses with content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overrides(pub(crate) Vec<(&'static str, String)>);

/// What an operation asks of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    /// The kind of resource: service, container (a share or directory's list) or object.
    pub(crate) kind: char,
    /// Any of these is enough; none means that a key is needed.
    pub(crate) any: &'static str,
    /// Whether it is about a single file.
    pub(crate) file: bool,
}

impl Scope {
    /// Refuses what the signature does not allow.
    pub(crate) fn check(&self, need: Need) -> Result<(), FilesError> {
        let mismatch = || Err(Code::AuthorizationPermissionMismatch.into());
        if need.any.is_empty() || (self.one_file && !need.file) {
            return mismatch();
        }
        match &self.types {
            Some(types) if !types.contains(need.kind) => {
                return Err(Code::AuthorizationResourceTypeMismatch.into());
            }
            // A signature of a share is for what is in it, not for the share.
            None if !need.lies_within_share() => return mismatch(),
            _ => {}
        }
        if self.may(need.any) { Ok(()) } else { mismatch() }
    }

    /// Whether any of these permissions was given.
    pub(crate) fn may(&self, any: &str) -> bool {
        any.chars().any(|one| self.permissions.contains(one))
    }
}

impl Need {
    fn lies_within_share(self) -> bool {
        self.kind == 'o' || self.any == "l" && self.kind == 'c'
    }
}

/// Checks a signature in the query, and everything it says.
pub(super) fn verify(
    call: &Call,
    account: &Account,
    shares: &Shares,
    now: Timestamp,
) -> Result<Scope, FilesError> {
    let field = |name: &str| call.parameter(name).unwrap_or_default();
    if let Some(name) = call.query.iter().find(|(_, values)| values.len() > 1).map(|(name, _)| name)
    {
        return Err(failed(format!("The parameter {name} is there more than once.")));
    }
    if field("sv") < OLDEST {
        return Err(failed(format!("Signatures need sv of {OLDEST} or later.")));
    }
    if call.parameter("skoid").is_some() {
        return Err(failed("Signatures made with a user delegation key are not accepted."));
    }
    let for_account = call.parameter("ss").is_some() || call.parameter("srt").is_some();
    let text = if for_account { account_text(call, account) } else { share_text(call, account)? };
    if !is_signed(account, field("sig"), &text) {
        return Err(failed(format!("Signature did not match. String to sign used was '{text}'.")));
    }
    let policy = if for_account { AccessPolicy::default() } else { policy(call, shares)? };
    let either = |name: &str, stored: Option<String>| match (call.parameter(name), stored) {
        (Some(_), Some(_)) => Err(failed(format!("{name} is in the signature and in its policy."))),
        (own, stored) => Ok(own.map(str::to_owned).or(stored).unwrap_or_default()),
    };
    check_times(&either("st", policy.start)?, &either("se", policy.expiry)?, now)?;
    check_protocol(field("spr"), call.target.secure)?;
    check_address(field("sip"), call.target.peer)?;
    if for_account && !field("ss").contains('f') {
        return Err(Code::AuthorizationServiceMismatch.into());
    }
    Ok(Scope {
        permissions: either("sp", policy.permission)?,
        types: for_account.then(|| field("srt").to_owned()),
        one_file: !for_account && field("sr") == "f",
        overrides: if for_account { Overrides::default() } else { overrides(call) },
    })
}

fn account_text(call: &Call, account: &Account) -> String {
    let field = |name: &str| call.parameter(name).unwrap_or_default();
    let mut text = format!("{}\n", account.name);
    for name in ["sp", "ss", "srt", "st", "se", "sip", "spr", "sv"] {
        text.extend([field(name), "\n"]);
    }
    if field("sv") >= ENCRYPTION_SCOPE {
        text.extend([field("ses"), "\n"]);
    }
    text
}

fn share_text(call: &Call, account: &Account) -> Result<String, FilesError> {
    let field = |name: &str| call.parameter(name).unwrap_or_default();
    let share = call.share.as_deref().ok_or_else(|| failed("The signature is for a share."))?;
    let mut resource = format!("/file/{}/{share}", account.name);
    match field("sr") {
        "s" => {}
        "f" if !call.path.is_empty() => {
            for name in &call.path {
                resource.extend(["/", name.to_string_lossy().as_ref()]);
            }
        }
        _ => return Err(failed("sr is s for a share, or f for a file.")),
    }
    let before = ["sp", "st", "se"].map(field);
    let after = ["si", "sip", "spr", "sv", "rscc", "rscd", "rsce", "rscl", "rsct"].map(field);
    Ok(format!("{}\n{resource}\n{}", before.join("\n"), after.join("\n")))
}

fn policy(call: &Call, shares: &Shares) -> Result<AccessPolicy, FilesError> {
    let Some(id) = call.parameter("si") else { return Ok(AccessPolicy::default()) };
    let share = call.share.as_deref().unwrap_or_default();
    let known = shares.show(&call.target.account, share).map(|share| share.policies);
    let found = known.unwrap_or_default().into_iter().find(|policy| policy.id == id);
    found.ok_or_else(|| failed("The share has no stored access policy of this name."))
}

fn check_times(start: &str, expiry: &str, now: Timestamp) -> Result<(), FilesError> {
    let time =
        |text: &str| parse_iso(text).ok_or_else(|| failed(format!("'{text}' is not a time.")));
    if !start.is_empty() && now < time(start)? {
        return Err(failed(format!(
            "Signature not valid in the specified time frame: Start [{start}]"
        )));
    }
    if now >= time(expiry)? {
        let ended = format!("Signature not valid in the specified time frame: Expiry [{expiry}]");
        return Err(failed(ended));
    }
    Ok(())
}

fn check_protocol(allowed: &str, secure: bool) -> Result<(), FilesError> {
    match allowed {
        "" | "https,http" => Ok(()),
        "https" if secure => Ok(()),
        "https" => Err(Code::AuthorizationProtocolMismatch.into()),
        _ => Err(failed("spr is https, or https,http.")),
    }
}

fn check_address(allowed: &str, peer: IpAddr) -> Result<(), FilesError> {
    if allowed.is_empty() {
        return Ok(());
    }
    let (first, last) = allowed.split_once('-').unwrap_or((allowed, allowed));
    let parse = |text: &str| text.trim().parse::<IpAddr>();
    let (Ok(first), Ok(last)) = (parse(first), parse(last)) else {
        return Err(failed("sip is an address, or two with a hyphen in between."));
    };
    let peer = peer.to_canonical();
    let alike = first.is_ipv4() == peer.is_ipv4() && last.is_ipv4() == peer.is_ipv4();
    if alike && (first..=last).contains(&peer) {
        return Ok(());
    }
    Err(Code::AuthorizationSourceIPMismatch.into())
}

fn overrides(call: &Call) -> Overrides {
    let names = [
        ("rscc", "cache-control"),
        ("rscd", "content-disposition"),
        ("rsce", "content-encoding"),
        ("rscl", "content-language"),
        ("rsct", "content-type"),
    ];
    let given = names.into_iter().filter_map(|(parameter, header)| {
        call.parameter(parameter).map(|value| (header, value.to_owned()))
    });
    Overrides(given.collect())
}
