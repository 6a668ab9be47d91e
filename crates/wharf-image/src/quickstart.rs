//! The quickstart images, inside this program, so that the first group runs with no network.
//!
//! They answer to the names of Azure's samples but are our own small static programs (sources in
//! `quickstart/`) with Debian's busybox beside them for a shell. `build.rs` assembles them.

/// Registry and path that all quickstart images have in common.
const HOME: &str = "mcr.microsoft.com/azuredocs/";

/// The image as a compressed OCI layout archive, by full reference; only the tag `latest` exists.
pub(crate) fn archive(reference: &str) -> Option<&'static [u8]> {
    match reference.strip_prefix(HOME)?.strip_suffix(":latest")? {
        "aci-helloworld" => {
            Some(include_bytes!(concat!(env!("OUT_DIR"), "/aci-helloworld.tar.zst")))
        }
        "aci-tutorial-sidecar" => {
            Some(include_bytes!(concat!(env!("OUT_DIR"), "/aci-tutorial-sidecar.tar.zst")))
        }
        "aci-wordcount" => Some(include_bytes!(concat!(env!("OUT_DIR"), "/aci-wordcount.tar.zst"))),
        _ => None,
    }
}
