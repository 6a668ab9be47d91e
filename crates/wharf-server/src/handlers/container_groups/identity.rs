//! The managed identities of a group: its own, which goes with it, and user-assigned ones, which
//! only who may assign them can give it (semantics.md §13).

use serde_json::{Value, json};
use uuid::Uuid;
use wharf_arm::managed_identity::{self, USER_ASSIGNED, Wanted};
use wharf_model::{
    Error, GroupKey, Name, ResourceGroupKey, ResourceKey,
    access::{Principal, PrincipalKind},
    change::Proposal,
    spec::RegistryLogin,
};

use crate::{app::App, auth::Caller, handlers::subnets::check_linked};

/// The identity of a resource; made when it has none.
pub(crate) async fn managed(app: &App, resource: &str, name: &str) -> Result<Principal, Error> {
    let found = resource.to_owned();
    if let Some(known) = app.read(move |store| store.principal_of_resource(&found)).await? {
        return Ok(known);
    }
    let now = app.clock.now();
    let made = Principal {
        id: Uuid::new_v4(),
        kind: PrincipalKind::ManagedIdentity,
        login: Uuid::new_v4().to_string(),
        name: name.to_owned(),
        resource: Some(resource.to_owned()),
        created_at: now,
        changed_at: now,
    };
    app.read(move |store| store.ensure_managed_identity(&made)).await
}

/// The identities of a body, if it has any.
#[derive(Debug)]
pub(super) struct Assigned {
    has_system: bool,
    /// As they were written, and who they are.
    user_assigned: Vec<(String, Principal)>,
}

/// Looks the identities of a body up, which its sender must be allowed to assign, and says who
/// those are that images are pulled with.
pub(super) async fn assigned(
    app: &App,
    caller: &Caller,
    key: &GroupKey,
    body: &Value,
    proposal: &mut Proposal,
) -> Result<Option<Assigned>, Error> {
    let Some(wanted) = managed_identity::parse_wanted(body)? else { return Ok(None) };
    let id = wharf_arm::resource_id::container_group(key);
    let mut user_assigned = Vec::new();
    for assigned in &wanted.user_assigned {
        check_may_assign(app, caller, &id, assigned).await?;
        user_assigned.push((assigned.clone(), user_assigned_principal(app, assigned).await?));
    }
    for credential in &mut proposal.spec.registry_credentials {
        if let RegistryLogin::Identity { identity, principal } = &mut credential.login {
            let found = user_assigned.iter().find(|(id, _)| id.eq_ignore_ascii_case(identity));
            *principal = found.map(|(_, found)| found.id);
        }
    }
    Ok(Some(Assigned { has_system: wanted.has_system, user_assigned }))
}

/// Puts the identities of a group into its document.
pub(super) async fn attach(
    app: &App,
    key: &GroupKey,
    assigned: Option<&Assigned>,
    proposal: &mut Proposal,
) -> Result<(), Error> {
    let Some(wanted) = assigned else { return Ok(()) };
    let id = wharf_arm::resource_id::container_group(key);
    let system =
        if wanted.has_system { Some(managed(app, &id, key.name.as_str()).await?) } else { None };
    let tenant = &app.settings.tenant;
    let block = managed_identity::render_block(system.as_ref(), &wanted.user_assigned, tenant);
    let mut document: Value = serde_json::from_str(&proposal.document)
        .map_err(|error| Error::internal(format!("read a document just written: {error}")))?;
    document["identity"] = json!(block);
    proposal.document = document.to_string();
    Ok(())
}

/// Takes the group's own identity away when the group is not to have one, or was not made.
pub(super) async fn tidy(app: &App, key: &GroupKey, body: &Value) -> Result<(), Error> {
    let wanted = managed_identity::parse_wanted(body)?.unwrap_or_default();
    let Wanted { has_system, .. } = wanted;
    let (id, wanted) = (wharf_arm::resource_id::container_group(key), key.clone());
    app.read(move |store| {
        if has_system && store.group(&wanted)?.is_some() {
            return Ok(());
        }
        if let Some(own) = store.principal_of_resource(&id)? {
            store.delete_principal(own.id)?;
        }
        Ok(())
    })
    .await
}

async fn user_assigned_principal(app: &App, id: &str) -> Result<Principal, Error> {
    let not_found = || managed_identity::assigned_not_found(id);
    let segments: Vec<&str> = id.split('/').filter(|segment| !segment.is_empty()).collect();
    let [_, subscription, _, resource_group, _, namespace, kind, name] = segments.as_slice() else {
        return Err(not_found());
    };
    let kind = Name::new(format!("{namespace}/{kind}"));
    if kind != Name::from(USER_ASSIGNED) {
        return Err(not_found());
    }
    let (subscription, group) = (Name::from(*subscription), Name::from(*resource_group));
    let home = ResourceGroupKey { subscription, name: group };
    let key = ResourceKey { resource_group: home, kind, name: Name::from(*name) };
    let resource = app.read(move |store| store.resource(&key)).await?.ok_or_else(not_found)?;
    let home = wharf_arm::resource_id::resource_group(&resource.key.resource_group);
    let canonical = format!("{home}/providers/{USER_ASSIGNED}/{}", resource.key.name);
    managed(app, &canonical, resource.key.name.as_str()).await
}

/// A group acts with its identities: who may make groups must not get more rights that way.
async fn check_may_assign(
    app: &App,
    caller: &Caller,
    group: &str,
    identity: &str,
) -> Result<(), Error> {
    let action = format!("{USER_ASSIGNED}/assign/action");
    check_linked(app, caller, group, (&action, identity)).await
}
