//! Names of groups: on the host after `dns-setup`, and inside other groups.

use std::path::Path;

use crate::harness::{Daemon, text};

const WORDCOUNT: &str = "mcr.microsoft.com/azuredocs/aci-wordcount";
const HELLO: &str = "mcr.microsoft.com/azuredocs/aci-helloworld";
const SUFFIX: &str = "local.azurecontainer.wharf.internal";

#[test]
fn two_groups_serve_one_port_at_their_own_names_on_the_host_and_in_a_third_group() {
    let wharf = Daemon::start();
    for name in ["first", "second"] {
        let label = format!("{name}-web");
        let args = ["--image", HELLO, "--ports", "80", "--dns-name-label", &label];
        wharf.ok(&[&["create", name], &args[..]].concat());
        wharf.wait_for_state(name, "Running");
    }
    assert_ne!(wharf.ip("first"), wharf.ip("second"));

    let script = "for name in first second; do \
                  curl -sS --max-time 5 http://$name-web.$0/healthz || exit 1; done";
    let output = wharf.with_names(Path::new("sh")).args(["-c", script, SUFFIX]).output().unwrap();
    assert_eq!(text(&output.stdout), "ok\nok\n", "{}", text(&output.stderr));
    assert!(text(&std::fs::read(wharf.resolver()).unwrap()).starts_with("nameserver 10."));

    let line = format!("wget -qO- http://first-web.{SUFFIX}/healthz");
    let third = ["--image", WORDCOUNT, "--restart-policy", "Never", "--command-line", &line];
    wharf.ok(&[&["create", "third"], &third[..]].concat());
    wharf.wait_for_state("third", "Succeeded");
    assert_eq!(wharf.ok(&["logs", "third"]), "ok\n");
}
