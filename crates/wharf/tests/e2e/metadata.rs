//! What a container learns about itself at the metadata address.

use crate::harness::Daemon;

const WORDCOUNT: &str = "mcr.microsoft.com/azuredocs/aci-wordcount";

/// What a container prints that runs these lines.
fn says(wharf: &Daemon, name: &str, script: &str) -> String {
    let line = format!("sh -c '{script}'");
    let args = ["--image", WORDCOUNT, "--restart-policy", "Never", "--command-line", &line];
    wharf.ok(&[&["create", name], &args[..]].concat());
    wharf.wait_for_state(name, "Succeeded");
    wharf.ok(&["logs", name])
}

#[test]
fn a_group_learns_about_itself_and_without_an_identity_gets_no_token() {
    let wharf = Daemon::start();
    let url = "http://169.254.169.254/metadata/instance?api-version=2021-02-01";
    let told = says(&wharf, "told", &format!("wget -qO- --header Metadata:true \"{url}\""));
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["compute"]["name"], "told");
    assert!(told["compute"]["resourceId"].as_str().unwrap().ends_with("/containerGroups/told"));

    let without = says(&wharf, "without", &format!("wget -qO- \"{url}\" 2>&1; true"));
    assert!(without.contains("400"), "{without}");
    let token =
        "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=r";
    // Busybox does not show the body of an error: asked by hand, over a connection that stays open
    // while the answer comes.
    let script = format!(
        "(printf \"GET {} HTTP/1.0\\r\\nMetadata: true\\r\\n\\r\\n\"; sleep 2) | nc 169.254.169.254 80",
        token.strip_prefix("http://169.254.169.254").unwrap()
    );
    let refused = says(&wharf, "refused", &script);
    assert!(refused.contains("Identity not found"), "{refused}");
    // Nothing else that is link-local is reached, nor the daemon's port by another way.
    let other = says(&wharf, "other", "wget -qO- http://169.254.1.1/ 2>&1; true");
    assert!(other.contains("refused") || other.contains("unreachable"), "{other}");
}
