//! Operations on shares.

use std::sync::Arc;

use axum::body::Body;
use serde::Deserialize;

use super::{Answer, Context, blocking, properties::read_document};
use crate::{
    error::{Code, FilesError},
    request::{Call, bad_header},
    shares::{AccessPolicy, AccessTier, Change, Created, Query, Settings, Share, WithSnapshots},
    times::http_date,
    xml::{self, Document},
};

impl Context {
    pub(super) fn share(&self) -> Result<&str, FilesError> {
        self.call.share.as_deref().ok_or_else(|| Code::InvalidUri.into())
    }

    fn change(&self, change: Change) -> Result<Share, FilesError> {
        self.shares.update(&self.account.name, self.share()?, change)
    }
}

pub(super) async fn list(context: Arc<Context>) -> Result<Answer, FilesError> {
    let call = &context.call;
    let parameter = |name: &str| call.parameter(name).unwrap_or_default().to_owned();
    let max = Some(call.max_results()?);
    let include = parameter("include").to_ascii_lowercase();
    let includes = |word| include.split(',').any(|part| part.trim() == word);
    let (prefix, marker) = (parameter("prefix"), parameter("marker"));
    let query = Query { prefix, marker, snapshots: includes("snapshots"), max };
    let mut document =
        Document::new("EnumerationResults", &[("ServiceEndpoint", &call.endpoint())]);
    for (element, name) in
        [("Prefix", "prefix"), ("Marker", "marker"), ("MaxResults", "maxresults")]
    {
        document.maybe(element, call.parameter(name));
    }
    let lister = Arc::clone(&context);
    let found = blocking(move || lister.shares.list(&lister.account.name, &query)).await?;
    document.begin("Shares");
    for share in &found.shares {
        describe(&mut document, share, includes("metadata"));
    }
    document.end().text("NextMarker", found.next_marker.unwrap_or_default());
    Ok(Answer::xml(document))
}

fn describe(document: &mut Document, share: &Share, with_metadata: bool) {
    document.begin("Share").text("Name", &share.name);
    document.maybe("Snapshot", share.snapshot.as_deref());
    document
        .begin("Properties")
        .text("Last-Modified", http_date(share.last_modified))
        .text("Etag", format!("\"{}\"", share.etag))
        .text("Quota", share.settings.quota.to_string())
        .text("AccessTier", share.settings.access_tier.name())
        .text("AccessTierChangeTime", http_date(share.tier_changed))
        .text("EnabledProtocols", "SMB")
        .text("LeaseStatus", "unlocked")
        .text("LeaseState", "available")
        .end();
    if with_metadata {
        document.begin("Metadata");
        for (name, value) in &share.settings.metadata {
            document.text(name, value);
        }
        document.end();
    }
    document.end();
}

pub(super) async fn create(context: Arc<Context>) -> Result<Answer, FilesError> {
    blocking(move || {
        let change = settings(&context.call)?;
        let usual = Settings::default();
        let settings = Settings {
            quota: change.quota.unwrap_or(usual.quota),
            metadata: context.call.metadata()?,
            access_tier: change.access_tier.unwrap_or(usual.access_tier),
            ..usual
        };
        match context.shares.create(&context.account.name, context.share()?, settings)? {
            Created::New(share) => Ok(tagged(Answer::created(), &share)),
            Created::AlreadyThere(_) => Err(Code::ShareAlreadyExists.into()),
        }
    })
    .await
}

pub(super) async fn create_snapshot(context: Arc<Context>) -> Result<Answer, FilesError> {
    let snapshot = blocking(move || {
        let metadata = Some(context.call.metadata()?).filter(|metadata| !metadata.is_empty());
        context.shares.create_snapshot(&context.account.name, context.share()?, metadata)
    });
    let snapshot = snapshot.await?;
    Ok(tagged(Answer::created(), &snapshot).maybe("x-ms-snapshot", snapshot.snapshot.as_deref()))
}

/// What headers say about a share. Nothing that Wharf has not is silently left out.
fn settings(call: &Call) -> Result<Change, FilesError> {
    if call.header("x-ms-enabled-protocols").is_some_and(|value| !value.eq_ignore_ascii_case("smb"))
    {
        let message = "Wharf has SMB shares only.";
        return Err(FilesError::because(Code::UnsupportedHeader, message));
    }
    let quota = call.number("x-ms-share-quota")?;
    let narrow = |quota| u32::try_from(quota).map_err(|_| bad_header("x-ms-share-quota"));
    let tier = call.header("x-ms-access-tier");
    let parse = |tier| AccessTier::parse(tier).ok_or_else(|| bad_header("x-ms-access-tier"));
    Ok(Change {
        quota: quota.map(narrow).transpose()?,
        access_tier: tier.map(parse).transpose()?,
        ..Change::default()
    })
}

fn tagged(answer: Answer, share: &Share) -> Answer {
    answer
        .header("etag", format!("\"{}\"", share.etag))
        .header("last-modified", http_date(share.last_modified))
}

pub(super) async fn get(context: Arc<Context>) -> Result<Answer, FilesError> {
    let show = move || {
        let (account, share) = (context.account.name.as_str(), context.share()?);
        match context.call.snapshot() {
            Some(snapshot) => context.shares.show_snapshot(account, share, snapshot),
            None => context.shares.show(account, share),
        }
    };
    let share = blocking(show).await?;
    let mut answer = tagged(Answer::ok(), &share)
        .header("x-ms-share-quota", share.settings.quota.to_string())
        .header("x-ms-access-tier", share.settings.access_tier.name())
        .header("x-ms-access-tier-change-time", http_date(share.tier_changed))
        .header("x-ms-share-next-allowed-quota-downgrade-time", http_date(share.quota_changed))
        .header("x-ms-enabled-protocols", "SMB")
        .header("x-ms-has-immutability-policy", "false")
        .header("x-ms-lease-status", "unlocked")
        .header("x-ms-lease-state", "available");
    for (name, value) in &share.settings.metadata {
        answer = answer.header(&format!("x-ms-meta-{name}"), value);
    }
    Ok(answer)
}

pub(super) async fn delete(context: Arc<Context>) -> Result<Answer, FilesError> {
    let delete = move || {
        let (account, share) = (context.account.name.as_str(), context.share()?);
        let with = snapshots(&context.call)?;
        if let Some(snapshot) = context.call.snapshot() {
            return context.shares.delete_snapshot(account, share, snapshot);
        }
        let user = context.accounts.user(account, share).map_err(|error| {
            tracing::error!(error = &*error as &dyn std::error::Error, "no use can be read");
            Code::InternalError
        })?;
        match user {
            None => context.shares.delete(account, share, with),
            Some(user) => {
                let message = format!("The share is mounted by {user}.");
                Err(FilesError::because(Code::SharingViolation, message))
            }
        }
    };
    blocking(delete).await.map(|()| Answer::accepted())
}

/// What a request to delete a share says about its snapshots.
fn snapshots(call: &Call) -> Result<WithSnapshots, FilesError> {
    const NAME: &str = "x-ms-delete-snapshots";
    let Some(value) = call.header(NAME) else { return Ok(WithSnapshots::Refuse) };
    let is_known = ["include", "include-leased"].iter().any(|one| value.eq_ignore_ascii_case(one));
    // A snapshot has none of its own.
    if is_known && call.snapshot().is_none() {
        Ok(WithSnapshots::Delete)
    } else {
        Err(bad_header(NAME))
    }
}

pub(super) async fn set_properties(context: Arc<Context>) -> Result<Answer, FilesError> {
    let share = blocking(move || context.change(settings(&context.call)?)).await?;
    Ok(tagged(Answer::ok(), &share))
}

pub(super) async fn set_metadata(context: Arc<Context>) -> Result<Answer, FilesError> {
    let share = blocking(move || {
        let metadata = Some(context.call.metadata()?);
        context.change(Change { metadata, ..Change::default() })
    });
    Ok(tagged(Answer::ok(), &share.await?))
}

pub(super) async fn stats(context: Arc<Context>) -> Result<Answer, FilesError> {
    let (share, bytes) = blocking(move || {
        let share = context.shares.show(&context.account.name, context.share()?)?;
        Ok((share, context.shares.usage(&context.account.name, context.share()?)?))
    })
    .await?;
    let mut document = Document::new("ShareStats", &[]);
    document.text("ShareUsageBytes", bytes.to_string());
    Ok(tagged(Answer::xml(document), &share))
}

#[derive(Debug, Deserialize)]
struct SignedIdentifiers {
    #[serde(default, rename = "SignedIdentifier")]
    all: Vec<SignedIdentifier>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SignedIdentifier {
    id: String,
    #[serde(default)]
    access_policy: PolicyDocument,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PolicyDocument {
    start: Option<String>,
    expiry: Option<String>,
    permission: Option<String>,
}

pub(super) async fn get_acl(context: Arc<Context>) -> Result<Answer, FilesError> {
    let show = move || context.shares.show(&context.account.name, context.share()?);
    let share = blocking(show).await?;
    let mut document = Document::new("SignedIdentifiers", &[]);
    for policy in &share.policies {
        document.begin("SignedIdentifier").text("Id", &policy.id).begin("AccessPolicy");
        document.maybe("Start", policy.start.as_deref());
        document.maybe("Expiry", policy.expiry.as_deref());
        document.maybe("Permission", policy.permission.as_deref());
        document.end().end();
    }
    Ok(tagged(Answer::xml(document), &share))
}

pub(super) async fn set_acl(context: Arc<Context>, body: Body) -> Result<Answer, FilesError> {
    let text = read_document(body).await?;
    let read =
        if text.is_empty() { SignedIdentifiers { all: Vec::new() } } else { xml::parse(&text)? };
    let said = |value: Option<String>| value.filter(|value| !value.is_empty());
    let policies = read.all.into_iter().map(|one| AccessPolicy {
        id: one.id,
        start: said(one.access_policy.start),
        expiry: said(one.access_policy.expiry),
        permission: said(one.access_policy.permission),
    });
    let change = Change { policies: Some(policies.collect()), ..Change::default() };
    let share = blocking(move || context.change(change)).await?;
    Ok(tagged(Answer::ok(), &share))
}
