//! The variables that a container's program finds.

use sha2::{Digest as _, Sha256};

use super::{BundlePlan, users::User};

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Defaults, then the image's, then the specification's; the last of a name counts.
pub(super) fn of(plan: &BundlePlan<'_>, user: &User) -> Vec<String> {
    let config = plan.image.config().as_ref();
    let of_image = config.and_then(|c| c.env().as_ref()).into_iter().flatten();
    let of_image = of_image.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let of_spec = plan.container.environment.iter().map(|v| (v.name.as_str(), v.value.as_str()));
    let of_azure = azure(plan);
    let mut variables =
        vec![("PATH", DEFAULT_PATH), ("HOSTNAME", plan.hostname), ("HOME", user.home.as_str())];
    variables.extend(of_azure.iter().map(|(name, value)| (*name, value.as_str())));
    for (name, value) in of_image.chain(of_spec) {
        match variables.iter_mut().find(|(known, _)| *known == name) {
            Some(variable) => variable.1 = value,
            None => variables.push((name, value)),
        }
    }
    variables.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

/// What Azure sets in every container and applications read, above all to know their own name: seen
/// in containers there and allowed by the policies that `az confcom` writes. `Fabric_Id` and
/// `Fabric_NodeIPOrFQDN` tell of Azure's own nodes and are left out.
fn azure(plan: &BundlePlan<'_>) -> [(&'static str, String); 4] {
    let digest = Sha256::digest(plan.id.as_str());
    let hex = digest[..16].iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let application = format!("caas-{hex}");
    [
        ("Fabric_CodePackageName", plan.container.name.to_string()),
        ("Fabric_ServiceName", "service".to_owned()),
        ("Fabric_ServiceDnsName", format!("service.{application}")),
        ("Fabric_ApplicationName", application),
    ]
}
