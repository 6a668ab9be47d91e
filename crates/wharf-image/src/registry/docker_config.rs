//! The administrator's `config.json` of docker or podman (`auths` in it).

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use camino::Utf8Path;
use serde::Deserialize;

use super::{Credential, RegistryError, auth::REFRESH_TOKEN_USER};

#[derive(Debug, Default, Deserialize)]
struct File {
    #[serde(default)]
    auths: HashMap<String, Login>,
}

#[derive(Debug, Default, Deserialize)]
struct Login {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

/// The credentials in the file. What credential helpers keep is not in it.
pub(super) fn read(path: &Utf8Path) -> Result<Vec<Credential>, RegistryError> {
    let unreadable = |reason: String| RegistryError::DockerConfig { path: path.to_owned(), reason };
    let text = fs_err::read(path).map_err(|error| unreadable(error.to_string()))?;
    // What serde says quotes the file: only the place of the fault is told.
    let file: File = serde_json::from_slice(&text)
        .map_err(|error| unreadable(format!("line {} is not as it should be", error.line())))?;
    Ok(file.auths.into_iter().filter_map(|(server, login)| login.credential(server)).collect())
}

impl Login {
    fn credential(self, server: String) -> Option<Credential> {
        if let Some(token) = self.identitytoken.filter(|token| !token.is_empty()) {
            return Some(Credential::password(server, REFRESH_TOKEN_USER.to_owned(), token));
        }
        if let Some((username, password)) = self.username.zip(self.password) {
            return Some(Credential::password(server, username, password));
        }
        let decoded = String::from_utf8(STANDARD.decode(self.auth?.trim()).ok()?).ok()?;
        let (username, password) = decoded.split_once(':')?;
        let password = password.trim_end_matches('\0').to_owned();
        Some(Credential::password(server, username.to_owned(), password))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Login;

    #[test]
    fn all_forms_of_a_credential_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("config.json");
        let text = r#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "bWU6c2VjcmV0OjE="},
            "lab.example": {"username": "you", "password": "pass"},
            "acr.example": {"identitytoken": "token", "auth": "AAAA"},
            "helper.example": {}}, "credsStore": "pass"}"#;
        std::fs::write(&path, text).unwrap();
        let mut known = read(&path).unwrap();
        known.sort_by(|a, b| a.server.cmp(&b.server));
        let told: Vec<(&str, &str)> = known
            .iter()
            .map(|known| match &known.login {
                Login::Password { username, password } => (username.as_str(), password.as_str()),
                Login::Identity { .. } => unreachable!("the file knows none"),
            })
            .collect();
        assert_eq!(told, [(REFRESH_TOKEN_USER, "token"), ("me", "secret:1"), ("you", "pass")]);
        std::fs::write(&path, r#"{"auths": {"a": {"auth": 17secret}}}"#).unwrap();
        assert!(!format!("{}", read(&path).unwrap_err()).contains("17secret"));
    }
}
