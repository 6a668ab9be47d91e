//! Virtual networks: each has a routing table of its own, which only packets with its mark use.

use std::net::Ipv4Addr;

use futures::TryStreamExt as _;
use ipnet::Ipv4Net;
use rtnetlink::{
    IpVersion, RouteMessageBuilder,
    packet_route::{
        route::{RouteMessage, RouteScope, RouteType},
        rule::{RuleAction, RuleAttribute, RuleMessage},
    },
};
use wharf_model::network::PrivateAddress;

use super::{
    MARK_MASK, NetworkError,
    links::{EXISTS, Links, NOWHERE_PRIORITY, code, failed},
    namespaces::Prepared,
    network_of_mark, write_setting,
};

/// Before the host's own rules, behind the table of its own addresses.
const RULE_PRIORITY: u32 = 20_000;

impl Links {
    /// Makes a claimed link reachable at its address in a virtual network.
    pub(super) async fn join(
        &self,
        prepared: &Prepared,
        name: &str,
        place: &PrivateAddress,
    ) -> Result<(), NetworkError> {
        // Else the kernel would look for the sender's address in the wrong table.
        write_setting(&format!("/proc/sys/net/ipv4/conf/{name}/src_valid_mark"), "1")?;
        let mark = self.config.mark(place.network);
        self.ensure_network(mark, &place.ranges).await?;
        let route = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(place.address, 32)
            .output_interface(prepared.host_index)
            .scope(RouteScope::Link)
            .table_id(mark)
            .build();
        let about = failed(format!("route {} to {name}", place.address));
        self.handle.route().add(route).replace().execute().await.map_err(about)
    }

    /// The rule that packets with the mark use the table of that number, and in it a route for
    /// addresses that no group has.
    async fn ensure_network(&self, mark: u32, ranges: &[Ipv4Net]) -> Result<(), NetworkError> {
        let about = || failed(format!("set up routing table {mark:#x}"));
        let rule = self.handle.rule().add().v4().action(RuleAction::ToTable);
        let rule = rule.fw_mark(mark).table_id(mark).priority(RULE_PRIORITY);
        unless_there(rule.execute().await).map_err(about())?;
        for range in ranges {
            let route = self.handle.route().add(nowhere(mark, *range)).execute().await;
            unless_there(route).map_err(about())?;
        }
        Ok(())
    }

    /// Removes what the groups of some virtual networks had together; they are gone.
    pub(super) async fn remove_networks(
        &self,
        is_it: impl Fn(u16) -> bool,
    ) -> Result<(), NetworkError> {
        let rules: Vec<RuleMessage> = self
            .handle
            .rule()
            .get(IpVersion::V4)
            .execute()
            .try_collect()
            .await
            .map_err(failed("list routing rules"))?;
        let base = self.config.mark(0);
        for rule in rules {
            let mark = rule.attributes.iter().find_map(|attribute| match attribute {
                RuleAttribute::FwMark(mark) => Some(*mark),
                _ => None,
            });
            let Some(mark) = mark.filter(|mark| mark & MARK_MASK == base) else { continue };
            if !is_it(network_of_mark(mark)) {
                continue;
            }
            self.remove_routes(mark).await?;
            let about = failed(format!("remove the rule of routing table {mark:#x}"));
            self.handle.rule().del(rule).execute().await.map_err(about)?;
        }
        Ok(())
    }

    async fn remove_routes(&self, table: u32) -> Result<(), NetworkError> {
        let of_table = RouteMessageBuilder::<Ipv4Addr>::new().table_id(table).build();
        let routes: Vec<RouteMessage> = self
            .handle
            .route()
            .get(of_table)
            .execute()
            .try_collect()
            .await
            .map_err(failed("list routes of a virtual network"))?;
        for route in routes.into_iter().filter(|route| is_of(route, table)) {
            // A route that went with its link is gone as well.
            drop(self.handle.route().del(route).execute().await);
        }
        Ok(())
    }
}

fn nowhere(table: u32, range: Ipv4Net) -> RouteMessage {
    RouteMessageBuilder::<Ipv4Addr>::new()
        .destination_prefix(range.network(), range.prefix_len())
        .kind(RouteType::Unreachable)
        .priority(NOWHERE_PRIORITY)
        .table_id(table)
        .build()
}

fn is_of(route: &RouteMessage, table: u32) -> bool {
    use rtnetlink::packet_route::route::RouteAttribute;
    route.attributes.contains(&RouteAttribute::Table(table))
}

fn unless_there(done: Result<(), rtnetlink::Error>) -> Result<(), rtnetlink::Error> {
    match done {
        Err(error) if code(&error) == EXISTS => Ok(()),
        done => done,
    }
}
