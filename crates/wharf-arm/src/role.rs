//! `Microsoft.Authorization`: role definitions and role assignments.

use serde_json::{Value, json};
use uuid::{Uuid, uuid};
use wharf_model::{
    Error, ErrorKind,
    access::{Permission, PrincipalKind, Role, RoleAssignment},
};

use crate::{node::Node, time};

/// May do everything.
pub const OWNER: Uuid = uuid!("8e3af657-a8ff-443c-a75c-2fe8c4bcb635");
/// May do everything but change who may.
pub const CONTRIBUTOR: Uuid = uuid!("b24988ac-6180-42a0-ab88-20f7382dd24c");
/// May look.
pub const READER: Uuid = uuid!("acdd72a7-3385-48ef-bd42-f606fba81ae7");
/// May do everything with container groups.
pub const CONTAINER_INSTANCES: Uuid = uuid!("5d977122-f97e-4b4d-a52f-6b43003ddb4d");

/// May read all files of shares.
pub const FILE_READER: Uuid = uuid!("b8eda974-7b85-4f76-af95-65846b26df6d");
/// May do everything with files of shares.
pub const FILE_CONTRIBUTOR: Uuid = uuid!("69566ab7-960f-475b-8e74-b3118f30c6bd");

/// May pull images of registries.
pub const ACR_PULL: Uuid = uuid!("7f951dda-4ed3-4680-a7ca-43fe172d538d");
/// May pull and push them.
pub const ACR_PUSH: Uuid = uuid!("8311e382-0749-4cb8-b61a-304f252e45ec");
/// May delete them.
pub const ACR_DELETE: Uuid = uuid!("c2f4ef07-c644-48eb-af81-4b1b4947fb11");

const DEFINITIONS: &str = "providers/Microsoft.Authorization/roleDefinitions";
const ASSIGNMENTS: &str = "providers/Microsoft.Authorization/roleAssignments";

/// The roles that are always there, under Azure's ids.
pub fn built_in() -> Vec<Role> {
    let role = |id, name: &str, description: &str, actions: &[&str], not_actions: &[&str]| Role {
        id,
        name: name.to_owned(),
        description: description.to_owned(),
        is_built_in: true,
        permissions: vec![Permission {
            actions: actions.iter().map(ToString::to_string).collect(),
            not_actions: not_actions.iter().map(ToString::to_string).collect(),
            ..Permission::default()
        }],
        assignable_scopes: vec!["/".to_owned()],
    };
    vec![
        role(OWNER, "Owner", "May do everything and give others roles.", &["*"], &[]),
        role(
            CONTRIBUTOR,
            "Contributor",
            "May do everything but give others roles.",
            &["*"],
            &[
                "Microsoft.Authorization/*/Delete",
                "Microsoft.Authorization/*/Write",
                "Microsoft.Authorization/elevateAccess/Action",
            ],
        ),
        role(READER, "Reader", "May see everything and change nothing.", &["*/read"], &[]),
        role(
            CONTAINER_INSTANCES,
            "Azure Container Instances Contributor Role",
            "May do everything with container groups.",
            &[
                "Microsoft.ContainerInstance/containerGroups/*",
                "Microsoft.ContainerInstance/containerGroupProfiles/*",
                "Microsoft.Authorization/*/read",
                "Microsoft.Resources/deployments/*",
                "Microsoft.Resources/subscriptions/resourceGroups/read",
            ],
            &[],
        ),
        role(
            ACR_PULL,
            "AcrPull",
            "May pull images of registries.",
            &["Microsoft.ContainerRegistry/registries/pull/read"],
            &[],
        ),
        role(
            ACR_PUSH,
            "AcrPush",
            "May pull and push images of registries.",
            &[
                "Microsoft.ContainerRegistry/registries/pull/read",
                "Microsoft.ContainerRegistry/registries/push/write",
            ],
            &[],
        ),
        role(
            ACR_DELETE,
            "AcrDelete",
            "May delete images of registries.",
            &["Microsoft.ContainerRegistry/registries/artifacts/delete"],
            &[],
        ),
        on_files(
            FILE_READER,
            "Reader",
            "May read all files of shares.",
            &["read", "readFileBackupSemantics/action"],
        ),
        on_files(
            FILE_CONTRIBUTOR,
            "Contributor",
            "May read, write and delete all files of shares.",
            &[
                "read",
                "write",
                "delete",
                "modifypermissions/action",
                "readFileBackupSemantics/action",
                "writeFileBackupSemantics/action",
            ],
        ),
    ]
}

/// A role on what is in shares, which no other role gives (issue 7; Azure's built-in roles).
fn on_files(id: Uuid, name: &str, description: &str, verbs: &[&str]) -> Role {
    const FILES: &str = "Microsoft.Storage/storageAccounts/fileServices";
    let on = |verb: &&str| match verb.split_once("FileBackup") {
        Some(_) => format!("{FILES}/{verb}"),
        None => format!("{FILES}/fileshares/files/{verb}"),
    };
    Role {
        id,
        name: format!("Storage File Data Privileged {name}"),
        description: description.to_owned(),
        is_built_in: true,
        permissions: vec![Permission {
            data_actions: verbs.iter().map(on).collect(),
            ..Permission::default()
        }],
        assignable_scopes: vec!["/".to_owned()],
    }
}

/// The document of a role as seen from a subscription.
pub fn render_definition(role: &Role, subscription: &str) -> Value {
    let kind = if role.is_built_in { "BuiltInRole" } else { "CustomRole" };
    json!({
        "id": definition_id(role.id, subscription),
        "name": role.id,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": role.name,
            "type": kind,
            "description": role.description,
            "assignableScopes": role.assignable_scopes,
            "permissions": role.permissions.iter().map(render_permission).collect::<Vec<_>>(),
        },
    })
}

/// One set of permissions.
pub fn render_permission(set: &Permission) -> Value {
    json!({
        "actions": set.actions,
        "notActions": set.not_actions,
        "dataActions": set.data_actions,
        "notDataActions": set.not_data_actions,
    })
}

fn definition_id(role: Uuid, subscription: &str) -> String {
    format!("/subscriptions/{subscription}/{DEFINITIONS}/{role}")
}

/// Reads a custom role. A request may leave the scopes out: then it is the one it was sent to.
pub fn parse_definition(id: Uuid, scope: &str, body: &Value) -> Result<Role, Error> {
    let root = Node::root(body);
    root.object()?;
    let properties = root.require("properties")?;
    let texts = |node: &Node<'_>, name: &str| -> Result<Vec<String>, Error> {
        node.list(name)?.iter().map(|item| item.text().map(str::to_owned)).collect()
    };
    let permissions = properties.list("permissions")?;
    let permissions = permissions.iter().map(|node| {
        node.object()?;
        Ok(Permission {
            actions: texts(node, "actions")?,
            not_actions: texts(node, "notActions")?,
            data_actions: texts(node, "dataActions")?,
            not_data_actions: texts(node, "notDataActions")?,
        })
    });
    let description = properties.get("description");
    let description = description.map(|node| node.text().map(str::to_owned)).transpose()?;
    let mut assignable_scopes = texts(&properties, "assignableScopes")?;
    if assignable_scopes.is_empty() {
        assignable_scopes.push(scope.to_owned());
    }
    Ok(Role {
        id,
        name: properties.require("roleName")?.text()?.to_owned(),
        description: description.unwrap_or_default(),
        is_built_in: false,
        permissions: permissions.collect::<Result<_, Error>>()?,
        assignable_scopes,
    })
}

/// What a request for a role assignment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAssignment {
    /// Who gets the role.
    pub principal: Uuid,
    /// Which role.
    pub role: Uuid,
    /// Free text.
    pub description: Option<String>,
}

/// Reads the request for a role assignment.
pub fn parse_assignment(body: &Value) -> Result<NewAssignment, Error> {
    let root = Node::root(body);
    root.object()?;
    let properties = root.require("properties")?;
    if properties.get("condition").is_some() {
        return Err(Error::invalid(
            "FeatureNotSupported",
            "Wharf does not support conditions of role assignments.",
            "properties.condition",
        ));
    }
    let guid = |node: &Node<'_>| {
        let text = node.text()?;
        let last = text.rsplit('/').next().unwrap_or_default();
        Uuid::parse_str(last).map_err(|_| node.invalid("must be or end in a GUID"))
    };
    let description = properties.get("description");
    Ok(NewAssignment {
        principal: guid(&properties.require("principalId")?)?,
        role: guid(&properties.require("roleDefinitionId")?)?,
        description: description.map(|node| node.text().map(str::to_owned)).transpose()?,
    })
}

/// The document of a role assignment.
pub fn render_assignment(
    assignment: &RoleAssignment,
    kind: PrincipalKind,
    subscription: &str,
) -> Value {
    let created = time::millis(assignment.created_at);
    let kind = match kind {
        PrincipalKind::User => "User",
        PrincipalKind::ServicePrincipal | PrincipalKind::ManagedIdentity => "ServicePrincipal",
    };
    json!({
        "id": format!("{}/{ASSIGNMENTS}/{}", assignment.scope.trim_end_matches('/'), assignment.id),
        "name": assignment.id,
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "roleDefinitionId": definition_id(assignment.role, subscription),
            "principalId": assignment.principal,
            "principalType": kind,
            "scope": assignment.scope,
            "description": assignment.description,
            "condition": null,
            "conditionVersion": null,
            "delegatedManagedIdentityResourceId": null,
            "createdOn": created,
            "updatedOn": created,
            "createdBy": assignment.created_by,
            "updatedBy": assignment.created_by,
        },
    })
}

/// The scope and the name in the path of a role or role assignment.
pub fn split_path(path: &str) -> (&str, Option<&str>) {
    let Some((scope, rest)) = path.rsplit_once("/providers/Microsoft.Authorization/") else {
        return (path, None);
    };
    (scope, rest.split_once('/').map(|(_, name)| name))
}

/// The GUID that names a role or role assignment.
pub fn parse_name(name: &str) -> Result<Uuid, Error> {
    Uuid::parse_str(name).map_err(|_| {
        let message = format!("The ID '{name}' is not valid. It must be a GUID.");
        Error::new(ErrorKind::InvalidParameter, "InvalidRoleAssignmentId", message)
    })
}

/// The caller's roles do not allow it.
pub fn authorization_failed(client: &str, object: Uuid, action: &str, scope: &str) -> Error {
    Error::new(
        ErrorKind::Forbidden,
        "AuthorizationFailed",
        format!(
            "The client '{client}' with object id '{object}' does not have authorization to \
             perform action '{action}' over scope '{scope}' or the scope is invalid. If access was \
             recently granted, please refresh your credentials."
        ),
    )
}

/// Somebody may make a container group at `scope`, but not with what is at the `linked` scope,
/// which needs an action there.
pub fn linked_authorization_failed(
    client: &str,
    object: Uuid,
    scope: &str,
    (action, linked): (&str, &str),
) -> Error {
    Error::new(
        ErrorKind::Forbidden,
        "LinkedAuthorizationFailed",
        format!(
            "The client '{client}' with object id '{object}' has permission to perform action \
             'Microsoft.ContainerInstance/containerGroups/write' on scope '{scope}'; however, it \
             does not have permission to perform action(s) '{action}' on the linked scope(s) \
             '{linked}' (respectively) or the linked scope(s) are invalid."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_roles_differ_where_they_should() {
        let roles = built_in();
        let allows = |id: Uuid, action: &str| {
            roles.iter().find(|role| role.id == id).unwrap().allows(action)
        };
        let (group, assign) = (
            "Microsoft.ContainerInstance/containerGroups/write",
            "Microsoft.Authorization/roleAssignments/write",
        );
        let principals = "Microsoft.Authorization/wharfPrincipals/write";
        let each = |action| {
            [OWNER, CONTRIBUTOR, READER, CONTAINER_INSTANCES].map(|role| allows(role, action))
        };
        assert_eq!(each(group), [true, true, false, true]);
        assert_eq!(each(assign), [true, false, false, false]);
        assert_eq!(each(principals), [true, false, false, false]);
        assert_eq!(each("Microsoft.Wharf/images/pull/action"), [true, true, false, false]);
        assert_eq!(each("Microsoft.Authorization/roleDefinitions/read"), [true; 4]);
    }

    #[test]
    fn paths_split_at_the_last_provider() {
        let (scope, name) = split_path("/s/g/providers/Microsoft.Authorization/roleAssignments/n");
        assert_eq!((scope, name), ("/s/g", Some("n")));
        let list = split_path("/s/providers/Microsoft.Authorization/roleAssignments");
        assert_eq!(list, ("/s", None));
    }

    #[test]
    fn assignments_name_who_and_which_role() {
        let role = format!("/subscriptions/s/{DEFINITIONS}/{READER}");
        let body = |principal: &str| json!({ "properties": { "principalId": principal, "roleDefinitionId": role } });
        let parsed = parse_assignment(&body(&OWNER.to_string())).unwrap();
        assert_eq!((parsed.principal, parsed.role), (OWNER, READER));
        let error = parse_assignment(&body("me")).unwrap_err();
        assert_eq!(error.target.as_deref(), Some("properties.principalId"));
    }
}
