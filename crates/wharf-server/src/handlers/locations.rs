//! Regions, and what there is in one (`Microsoft.ContainerInstance/locations`).
//!
//! A Wharf is one host: whatever region a group names, it is here. So usages and capabilities are
//! those of the host, in every region.

pub(crate) mod cached_images;
pub(crate) mod capabilities;
pub(crate) mod check_dns_name_availability;
pub(crate) mod list;
pub(crate) mod usages;
