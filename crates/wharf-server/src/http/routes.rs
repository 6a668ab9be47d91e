//! The routes of ARM's front door and of what lies beside container groups, by resource.

use axum::routing::{delete, get, post};

use super::table::Routes;
use crate::handlers::{
    container_groups, container_registries, deployments, locations, operations, profiles,
    providers, resources, security_groups, security_rules, shares, storage_accounts, subnets,
    virtual_networks,
};

const SUBSCRIPTION: &str = "/subscriptions/{subscription}";
const HOME: &str = "/subscriptions/{subscription}/resourceGroups/{resource_group}";
const SERVICE: &str = "providers/Microsoft.ContainerInstance";

/// All of them.
pub(super) fn all() -> Routes {
    Routes::new()
        .merge(of_deployments())
        .merge(of_locations())
        .merge(of_networks())
        .merge(of_profiles())
        .merge(of_providers())
        .merge(of_registries())
        .merge(of_storage())
        .route(&format!("{SUBSCRIPTION}/resources"), get(resources::list_by_subscription::handle))
        .route(&format!("{HOME}/resources"), get(resources::list_by_resource_group::handle))
        .route(
            &format!("{SUBSCRIPTION}/operationResults/{{result}}"),
            get(operations::get_result::handle),
        )
        .route(
            &format!(
                "{HOME}/{SERVICE}/containerGroups/{{group}}/outboundNetworkDependenciesEndpoints"
            ),
            get(container_groups::outbound_network_dependencies::handle),
        )
        .route(
            &format!(
                "{HOME}/providers/Microsoft.Network/virtualNetworks/{{resource}}/subnets/{{part}}/\
                 {SERVICE}/serviceAssociationLinks/default"
            ),
            delete(subnets::delete_service_association_link::handle),
        )
}

fn of_deployments() -> Routes {
    let list = format!("{HOME}/providers/Microsoft.Resources/deployments");
    let one = format!("{list}/{{deployment}}");
    Routes::new()
        .route(&list, get(deployments::list_by_resource_group::handle))
        .route(
            &format!("{SUBSCRIPTION}/providers/Microsoft.Resources/deployments"),
            get(deployments::list_by_subscription::handle),
        )
        .route(
            &one,
            get(deployments::get::handle)
                .head(deployments::exists::handle)
                .put(deployments::create_or_update::handle)
                .delete(deployments::delete::handle),
        )
        .route(&format!("{one}/validate"), post(deployments::validate::handle))
        .route(&format!("{one}/whatIf"), post(deployments::what_if::handle))
        .route(&format!("{one}/cancel"), post(deployments::cancel::handle))
        .route(&format!("{one}/exportTemplate"), post(deployments::export_template::handle))
        .route(&format!("{one}/operations"), get(deployments::list_operations::handle))
        .route(
            &format!("{one}/operationStatuses/{{operation}}"),
            get(deployments::get_operation_status::handle),
        )
        .route(
            &format!("{HOME}/deployments/{{deployment}}/operations"),
            get(deployments::list_operations::handle),
        )
}

fn of_locations() -> Routes {
    let location = format!("{SUBSCRIPTION}/{SERVICE}/locations/{{location}}");
    Routes::new()
        .route(&format!("{SUBSCRIPTION}/locations"), get(locations::list::handle))
        .route(&format!("{location}/usages"), get(locations::usages::handle))
        .route(&format!("{location}/capabilities"), get(locations::capabilities::handle))
        .route(&format!("{location}/cachedImages"), get(locations::cached_images::handle))
        .route(
            &format!(
                "{SUBSCRIPTION}/providers/Microsoft.Network/locations/{{location}}/\
                 CheckDnsNameAvailability"
            ),
            get(locations::check_dns_name_availability::handle),
        )
}

fn of_networks() -> Routes {
    let networks = "providers/Microsoft.Network/virtualNetworks";
    let network = format!("{HOME}/{networks}/{{resource}}");
    let groups = "providers/Microsoft.Network/networkSecurityGroups";
    let group = format!("{HOME}/{groups}/{{resource}}");
    let mut routes = Routes::new();
    for scope in [SUBSCRIPTION, HOME] {
        routes = routes
            .route(&format!("{scope}/{networks}"), get(virtual_networks::list::handle))
            .route(&format!("{scope}/{groups}"), get(security_groups::list::handle));
    }
    routes
        .route(
            &network,
            get(virtual_networks::get::handle)
                .put(virtual_networks::create_or_update::handle)
                .patch(virtual_networks::update_tags::handle)
                .delete(virtual_networks::delete::handle),
        )
        .route(&format!("{network}/subnets"), get(subnets::list::handle))
        .route(
            &format!("{network}/subnets/{{part}}"),
            get(subnets::get::handle)
                .put(subnets::create_or_update::handle)
                .delete(subnets::delete::handle),
        )
        .route(
            &group,
            get(security_groups::get::handle)
                .put(security_groups::create_or_update::handle)
                .patch(security_groups::update_tags::handle)
                .delete(security_groups::delete::handle),
        )
        .route(&format!("{group}/securityRules"), get(security_rules::list::handle))
        .route(
            &format!("{group}/securityRules/{{part}}"),
            get(security_rules::get::handle)
                .put(security_rules::create_or_update::handle)
                .delete(security_rules::delete::handle),
        )
        .route(&format!("{group}/defaultSecurityRules"), get(security_rules::default::list))
        .route(&format!("{group}/defaultSecurityRules/{{part}}"), get(security_rules::default::get))
}

fn of_profiles() -> Routes {
    let list = format!("{SERVICE}/containerGroupProfiles");
    let one = format!("{HOME}/{list}/{{profile}}");
    Routes::new()
        .route(&format!("{SUBSCRIPTION}/{list}"), get(profiles::list_by_subscription::handle))
        .route(&format!("{HOME}/{list}"), get(profiles::list_by_resource_group::handle))
        .route(
            &one,
            get(profiles::get::handle)
                .put(profiles::create_or_update::handle)
                .patch(profiles::update::handle)
                .delete(profiles::delete::handle),
        )
        .route(&format!("{one}/revisions"), get(profiles::list_revisions::handle))
        .route(&format!("{one}/revisions/{{revision}}"), get(profiles::get_revision::handle))
}

fn of_providers() -> Routes {
    let of_subscription = format!("{SUBSCRIPTION}/providers");
    let one = format!("{of_subscription}/{{namespace}}");
    Routes::new()
        .route("/providers", get(providers::list_at_tenant::handle))
        .route("/providers/{namespace}", get(providers::get_at_tenant::handle))
        .route(&format!("/{SERVICE}/operations"), get(providers::list_operations::handle))
        .route(&of_subscription, get(providers::list::handle))
        .route(&one, get(providers::get::handle))
        .route(&format!("{one}/register"), post(providers::register::handle))
        .route(&format!("{one}/unregister"), post(providers::unregister::handle))
}

fn of_registries() -> Routes {
    let registries = "providers/Microsoft.ContainerRegistry/registries";
    let registry = format!("{HOME}/{registries}/{{resource}}");
    Routes::new()
        .route(&format!("{SUBSCRIPTION}/{registries}"), get(container_registries::list::handle))
        .route(&format!("{HOME}/{registries}"), get(container_registries::list::handle))
        .route(
            &format!("{SUBSCRIPTION}/providers/Microsoft.ContainerRegistry/checkNameAvailability"),
            post(container_registries::check_name_availability::handle),
        )
        .route(
            &registry,
            get(container_registries::get::handle)
                .put(container_registries::create_or_update::handle)
                .patch(container_registries::create_or_update::handle)
                .delete(container_registries::delete::handle),
        )
        .route(
            &format!("{registry}/listCredentials"),
            post(container_registries::list_credentials::handle),
        )
        .route(&format!("{registry}/listUsages"), get(container_registries::list_usages::handle))
        .route(
            &format!("{registry}/regenerateCredential"),
            post(container_registries::regenerate_credential::handle),
        )
}

fn of_storage() -> Routes {
    let accounts = "providers/Microsoft.Storage/storageAccounts";
    let account = format!("{HOME}/{accounts}/{{resource}}");
    let service = format!("{account}/fileServices/default");
    Routes::new()
        .route(&format!("{SUBSCRIPTION}/{accounts}"), get(storage_accounts::list::handle))
        .route(&format!("{HOME}/{accounts}"), get(storage_accounts::list::handle))
        .route(
            &format!("{SUBSCRIPTION}/providers/Microsoft.Storage/checkNameAvailability"),
            post(storage_accounts::check_name_availability::handle),
        )
        .route(
            &account,
            get(storage_accounts::get::handle)
                .put(storage_accounts::create_or_update::handle)
                .patch(storage_accounts::create_or_update::handle)
                .delete(storage_accounts::delete::handle),
        )
        .route(&format!("{account}/listKeys"), post(storage_accounts::list_keys::handle))
        .route(&format!("{account}/regenerateKey"), post(storage_accounts::regenerate_key::handle))
        .route(&service, get(storage_accounts::get_file_service::handle))
        .route(&format!("{service}/shares"), get(shares::list::handle))
        .route(
            &format!("{service}/shares/{{part}}"),
            get(shares::get::handle)
                .put(shares::create_or_update::handle)
                .patch(shares::update::handle)
                .delete(shares::delete::handle),
        )
}
