//! Probes and fetched volumes: what they let happen and what they hold up.

use super::*;
use crate::{
    event::EventReason,
    spec::{
        DnsLabelScope, HttpGet, IpAddressKind, IpAddressSpec, ProbeAction, ProbeSpec, Protocol,
    },
};

/// A group whose one container runs, with a port and a readiness probe.
fn probed() -> (Desired, Observed) {
    let mut want = desired(Power::Running, RestartPolicy::Always, 0, 1, 1);
    let port = Port { port: 80, protocol: Protocol::Tcp };
    let get = HttpGet { path: "/".to_owned(), port: 80, is_tls: false, headers: Vec::new() };
    let probe = ProbeSpec {
        action: ProbeAction::HttpGet(get),
        initial_delay: 0,
        period: 10,
        timeout: 1,
        success_threshold: 1,
        failure_threshold: 3,
    };
    edit(&mut want, |spec| {
        spec.containers[0].ports = vec![port];
        spec.containers[0].readiness_probe = Some(probe);
        let (kind, ports) = (IpAddressKind::Public, vec![port]);
        spec.ip_address = Some(IpAddressSpec {
            kind,
            address: None,
            ports,
            dns_name_label: None,
            dns_label_scope: DnsLabelScope::default(),
            dns_label_hash: None,
        });
    });
    let web = ContainerObs {
        revision: Generation(1),
        runs: vec![run(1, 10, None)],
        ..ContainerObs::default()
    };
    let seen = Observed {
        sandbox: Sandbox::Alive,
        storage: Storage::Full,
        containers: BTreeMap::from([(name("web"), web)]),
        ..Observed::default()
    };
    (want, seen)
}

#[test]
fn ports_are_open_while_their_container_is_ready() {
    let (want, mut seen) = probed();
    let port = Port { port: 80, protocol: Protocol::Tcp };
    let (open, closed) = (BTreeSet::from([port]), BTreeSet::new());
    let ready = |readiness, is_open: bool, seen: &mut Observed| {
        seen.containers.get_mut(&name("web")).unwrap().readiness = readiness;
        seen.open_ports = if is_open { open.clone() } else { closed.clone() };
        plan(second(100), &want, seen).steps
    };
    let set = |ports: &BTreeSet<Port>| vec![Step::SetOpenPorts(ports.clone())];
    assert_eq!(ready(Readiness::NotReady, false, &mut seen), []);
    assert_eq!(ready(Readiness::Ready, false, &mut seen), set(&open));
    assert_eq!(ready(Readiness::Ready, true, &mut seen), []);
    assert_eq!(ready(Readiness::NotReady, true, &mut seen), set(&closed));
    // A new daemon does not know yet: it leaves the ports as they are.
    assert_eq!(ready(Readiness::Unknown, true, &mut seen), []);
    assert_eq!(ready(Readiness::Unknown, false, &mut seen), []);
}

#[test]
fn an_unhealthy_container_is_ended_and_started_again_unless_the_policy_is_never() {
    for (policy, restarts) in [
        (RestartPolicy::Always, true),
        (RestartPolicy::OnFailure, true),
        (RestartPolicy::Never, false),
    ] {
        let (mut want, mut seen) = probed();
        edit(&mut want, |spec| spec.restart_policy = policy);
        let web = seen.containers.get_mut(&name("web")).unwrap();
        web.unhealthy_since = Some(second(99));
        let told = plan(second(100), &want, &seen);
        let signal = EndSignal::Term;
        assert_eq!(told.steps[0], Step::SignalContainer { name: name("web"), signal });
        let killing: Vec<_> =
            told.occurrences.iter().filter(|o| o.reason == EventReason::Killing).collect();
        assert_eq!((killing.len(), killing[0].at), (1, second(99)));
        assert!(killing[0].message.contains("failed liveness probe"));

        // A new daemon has forgotten the probe: it still finishes what was begun.
        let web = seen.containers.get_mut(&name("web")).unwrap();
        web.unhealthy_since = None;
        web.term_sent_at = Some(second(100));
        let signal = EndSignal::Kill;
        let kill = Step::SignalContainer { name: name("web"), signal };
        assert!(plan(second(110), &want, &seen).steps.contains(&kill));

        // It ends with 0, and has failed all the same.
        seen.containers.get_mut(&name("web")).unwrap().runs = vec![run(1, 10, Some((0, 101)))];
        seen.images.insert("registry.test/web".to_owned(), ImageObs::Present);
        let plan = plan(second(111), &want, &seen);
        let exit = plan.status.containers[&name("web")].last_exit().unwrap();
        assert_eq!((exit.code, exit.cause), (0, ExitCause::Unhealthy));
        let starts = plan.steps.iter().any(|s| matches!(s, Step::StartContainer { start: 2, .. }));
        assert_eq!(starts, restarts, "{policy:?}: {:?}", plan.steps);
        assert_eq!(plan.status.state == GroupState::Failed, !restarts);
    }
}

#[test]
fn no_container_starts_before_the_volumes_are_there() {
    let mut want = desired(Power::Running, RestartPolicy::Always, 1, 1, 1);
    edit(&mut want, |spec| spec.volumes.push(repository()));
    let mut seen =
        Observed { sandbox: Sandbox::Alive, storage: Storage::Full, ..Observed::default() };
    for image in ["registry.test/init-a", "registry.test/web"] {
        seen.images.insert(image.to_owned(), ImageObs::Present);
    }
    let fetch = Step::FetchVolume("code".to_owned());
    assert_eq!(plan(second(1), &want, &seen).steps, std::slice::from_ref(&fetch));
    seen.volumes.insert("code".to_owned(), VolumeObs::Fetching);
    let waits = plan(second(1), &want, &seen);
    assert_eq!((waits.steps, waits.is_settled), (vec![], false));
    seen.volumes.insert("code".to_owned(), VolumeObs::Failed { retry_at: second(9) });
    let waits = plan(second(1), &want, &seen);
    assert_eq!((waits.steps, waits.wake_at), (vec![], Some(second(9))));
    assert_eq!(plan(second(9), &want, &seen).steps, [fetch]);
    seen.volumes.insert("code".to_owned(), VolumeObs::Ready);
    let starts = plan(second(9), &want, &seen).steps;
    assert!(
        matches!(&starts[..], [Step::StartContainer { name, .. }] if name.as_str() == "init-a")
    );
}
