//! `Microsoft.Authorization/roleDefinitions`: built-in and custom roles.

use wharf_model::{Error, ErrorKind};

pub(crate) mod create_or_update;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;

fn not_found(name: &str) -> Error {
    let message = format!("The specified role definition with ID '{name}' does not exist.");
    Error::new(ErrorKind::NotFound, "RoleDefinitionDoesNotExist", message)
}

fn built_in_is_fixed() -> Error {
    let message = "A built-in role can neither be changed nor deleted.";
    Error::new(ErrorKind::Forbidden, "RoleDefinitionIsBuiltIn", message)
}
