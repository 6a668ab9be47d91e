//! Names of groups: on the host after `dns-setup`, and inside other groups.

use std::process::Command;

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

    // The host's resolver file in a mount namespace of one's own, so that the host keeps its own.
    let file = wharf.dir().join("resolv.conf");
    std::fs::write(&file, "").unwrap();
    let script = "mount --bind \"$0\" /etc/resolv.conf && \"$1\" dns-setup --for resolv-conf --apply \
                  && for name in first second; do \
                  curl -sS --max-time 5 http://$name-web.$2/healthz || exit 1; done";
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .arg(&file)
        .args([env!("CARGO_BIN_EXE_wharf"), SUFFIX])
        .env("WHARF_ENDPOINT", format!("unix://{}/r/wharf.sock", wharf.dir().display()))
        .output()
        .unwrap();
    assert_eq!(text(&output.stdout), "ok\nok\n", "{}", text(&output.stderr));
    assert!(text(&std::fs::read(&file).unwrap()).starts_with("nameserver 10."));

    let line = format!("wget -qO- http://first-web.{SUFFIX}/healthz");
    let third = ["--image", WORDCOUNT, "--restart-policy", "Never", "--command-line", &line];
    wharf.ok(&[&["create", "third"], &third[..]].concat());
    wharf.wait_for_state("third", "Succeeded");
    assert_eq!(wharf.ok(&["logs", "third"]), "ok\n");
}
