//! The daemon's certificate: signed by a CA of its own that is made at the first start.

use std::{net::IpAddr, sync::Arc};

use camino::{Utf8Path, Utf8PathBuf};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _};

/// TLS that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file cannot be read or written.
    #[error("{path}")]
    File {
        /// Which file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A certificate cannot be made.
    #[error("make a certificate")]
    Make(#[from] rcgen::Error),
    /// A certificate or key in a file is not one.
    #[error("read {path}")]
    Pem {
        /// Which file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// Certificate and key do not go together.
    #[error("use the server certificate")]
    Use(#[from] rustls::Error),
}

/// The CA of this installation.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// The key of all certificates that are made for names of groups.
    key: KeyPair,
}

impl Authority {
    /// Makes the CA in `D/tls` if it is missing, and loads it.
    pub(crate) fn load(dir: &Utf8Path) -> Result<Self, TlsError> {
        fs_err::create_dir_all(dir)
            .map_err(|source| TlsError::File { path: dir.to_owned(), source })?;
        let (cert, key) = (dir.join("ca.pem"), dir.join("ca.key"));
        if !cert.exists() || !key.exists() {
            make_ca(&cert, &key)?;
        }
        // The CA's name and key are all that a signature takes from it.
        let issuer = Issuer::new(ca_params()?, KeyPair::from_pem(&read(&key)?)?);
        Ok(Self { issuer, key: KeyPair::generate()? })
    }

    /// What a server of one name shows: a certificate as short-lived as clients want them.
    pub(crate) fn config_for(
        &self,
        name: &str,
        now: jiff::Timestamp,
    ) -> Result<Arc<rustls::ServerConfig>, TlsError> {
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, "Wharf container group");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let today = jiff::tz::TimeZone::UTC.to_datetime(now).date();
        let at = |date: jiff::civil::Date| {
            let part = |value: i8| value.unsigned_abs();
            rcgen::date_time_ymd(i32::from(date.year()), part(date.month()), part(date.day()))
        };
        params.not_before = at(today.saturating_sub(jiff::Span::new().days(1)));
        params.not_after = at(today.saturating_add(jiff::Span::new().days(365)));
        let certificate = params.signed_by(&self.key, &self.issuer)?;
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        config_of(vec![certificate.der().clone()], key.into())
    }
}

/// Makes the server's own certificate anew, for the names that it has now, and loads it.
/// `more` are the names that it has besides those of the host.
pub(crate) fn load(
    authority: &Authority,
    dir: &Utf8Path,
    listen: IpAddr,
    more: [String; 3],
) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    let server_key = KeyPair::generate()?;
    let certificate = server_params(listen, more)?.signed_by(&server_key, &authority.issuer)?;
    let (path, key_path) = (dir.join("server.pem"), dir.join("server.key"));
    write(&path, &certificate.pem(), 0o644)?;
    write(&key_path, &server_key.serialize_pem(), 0o600)?;
    read_config(&path, &key_path)
}

/// A certificate with those that vouch for it, and its key, from files.
pub(crate) fn read_config(
    certificate: &Utf8Path,
    key: &Utf8Path,
) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    let failed = |path: &Utf8Path| {
        let path = path.to_owned();
        move |source| TlsError::Pem { path, source }
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(failed(certificate))?;
    config_of(chain, PrivateKeyDer::from_pem_file(key).map_err(failed(key))?)
}

fn config_of(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()?
    .with_no_client_auth()
    .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn ca_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "Wharf local CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = rcgen::date_time_ymd(2024, 1, 1);
    params.not_after = rcgen::date_time_ymd(2044, 1, 1);
    Ok(params)
}

fn make_ca(cert: &Utf8Path, key: &Utf8Path) -> Result<(), TlsError> {
    let pair = KeyPair::generate()?;
    let certificate = ca_params()?.self_signed(&pair)?;
    write(key, &pair.serialize_pem(), 0o600)?;
    write(cert, &certificate.pem(), 0o644)
}

fn server_params(listen: IpAddr, more: [String; 3]) -> Result<CertificateParams, TlsError> {
    let hostname = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let names = std::iter::once("localhost".to_owned()).chain(more).chain(hostname);
    let mut params = CertificateParams::new(names.collect::<Vec<_>>())?;
    let addresses = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]), listen];
    let specified = addresses.into_iter().filter(|address| !address.is_unspecified());
    params.subject_alt_names.extend(specified.map(SanType::IpAddress));
    params.distinguished_name.push(DnType::CommonName, "Wharf");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = rcgen::date_time_ymd(2024, 1, 1);
    params.not_after = rcgen::date_time_ymd(2044, 1, 1);
    Ok(params)
}

fn read(path: &Utf8Path) -> Result<String, TlsError> {
    fs_err::read_to_string(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

fn write(path: &Utf8Path, text: &str, mode: u32) -> Result<(), TlsError> {
    crate::files::write(path, text, mode)
        .map_err(|source| TlsError::File { path: path.to_owned(), source })
}
