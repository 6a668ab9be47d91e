//! Image references as users write them (semantics.md §14): `nginx`, `user/app:tag`,
//! `host:5000/app@sha256:…`. Short names mean Docker Hub.

use std::net::IpAddr;

use oci_spec::distribution::Reference;

use crate::ImageError;

pub(crate) fn parse(text: &str) -> Result<Reference, ImageError> {
    text.parse().map_err(|source| ImageError::Reference { reference: text.to_owned(), source })
}

/// Host and port of the registry that an image comes from; `None` when it is no reference.
pub fn registry_of(reference: &str) -> Option<String> {
    parse(reference).ok().map(|reference| reference.registry().to_owned())
}

/// A registry's name as names are compared: without protocol, path, usual port and letter case;
/// all of Docker Hub's names are one.
pub(crate) fn canonical(server: &str) -> String {
    let name = server.trim().to_ascii_lowercase();
    let name = name.split_once("://").map_or(name.as_str(), |(_, rest)| rest);
    let name = name.split('/').next().unwrap_or_default();
    match name.strip_suffix(":443").unwrap_or(name) {
        "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => "docker.io",
        name => name,
    }
    .to_owned()
}

/// Whether a registry is spoken to without TLS: loopback, as every container tool has it, or
/// configured so.
pub(crate) fn is_insecure(registry: &str, configured: &[String]) -> bool {
    let host = host_of(registry);
    is_loopback(registry) || configured.iter().any(|known| known == registry || known == host)
}

/// Whether a host, with or without port, is this one.
pub(crate) fn is_loopback(registry: &str) -> bool {
    let host = host_of(registry);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn host_of(registry: &str) -> &str {
    if let Some((host, _)) = registry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return host;
    }
    registry.rsplit_once(':').map_or(registry, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_mean_docker_hub() {
        assert_eq!(parse("nginx").unwrap().whole(), "docker.io/library/nginx:latest");
        assert_eq!(parse("user/app:1").unwrap().whole(), "docker.io/user/app:1");
        assert_eq!(registry_of("127.0.0.1:5000/app").as_deref(), Some("127.0.0.1:5000"));
        assert!(parse("app:bad tag").is_err() && parse("").is_err());
    }

    #[test]
    fn names_of_registries_are_compared_without_what_does_not_matter() {
        for name in
            ["Lab.example", "https://lab.example/", "lab.example:443", "http://lab.example/v2/"]
        {
            assert_eq!(canonical(name), "lab.example", "{name}");
        }
        for name in ["docker.io", "index.docker.io", "https://index.docker.io/v1/"] {
            assert_eq!(canonical(name), "docker.io", "{name}");
        }
        assert_ne!(canonical("lab.example:5000"), canonical("lab.example"));
    }

    #[test]
    fn only_loopback_and_configured_registries_go_without_tls() {
        for registry in ["127.0.0.1:5000", "localhost:5000", "[::1]:5000", "lab:80"] {
            assert!(is_insecure(registry, &["lab:80".to_owned()]), "{registry}");
        }
        assert!(!is_insecure("docker.io", &[]));
    }
}
