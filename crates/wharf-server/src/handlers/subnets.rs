//! What container groups leave in subnets (`Microsoft.Network`).

pub(crate) mod delete_service_association_link;
