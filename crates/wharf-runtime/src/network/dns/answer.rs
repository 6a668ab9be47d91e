//! What to say to a query: pure but for the look at the names.

use std::{net::IpAddr, str::FromStr as _};

use hickory_proto::{
    op::{Edns, Message, MessageType, Metadata, OpCode, Query, ResponseCode},
    rr::{
        DNSClass, Name, RData, Record, RecordType,
        rdata::{A, AAAA, SOA},
    },
};

use super::{Found, Names};

/// Names change when groups do: nobody shall remember one, or its absence, for long.
const TTL_SECONDS: u32 = 5;
/// What we can take in one datagram, as is common.
const PAYLOAD_MAX: u16 = 1232;

/// What to do about a query.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This is the answer.
    Say(Vec<u8>),
    /// Others know. What to say when they do not answer, and to whom they are not asked for.
    Ask { failure: Vec<u8>, refusal: Vec<u8> },
}

/// Decides about a query; `None` when it is not one.
pub(super) fn answer(names: &Names, peer: IpAddr, bytes: &[u8]) -> Option<Next> {
    let Ok(request) = Message::from_vec(bytes) else {
        // Whoever can be told is told that this was not understood.
        let id = u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]);
        let is_query = bytes.get(2)? & 0x80 == 0;
        let error = Message::error_msg(id, OpCode::Query, ResponseCode::FormErr);
        return is_query.then_some(Next::Say(error.to_vec().ok()?));
    };
    if request.metadata.message_type != MessageType::Query {
        return None;
    }
    let mut reply = reply_to(&request);
    let fail = |code| with_code(&reply, code);
    if request.metadata.op_code != OpCode::Query {
        return Some(Next::Say(fail(ResponseCode::NotImp)?));
    }
    let [query] = &request.queries[..] else {
        return Some(Next::Say(fail(ResponseCode::FormErr)?));
    };
    let Some(relative) = relative_to(&names.suffix, query.name()) else {
        let (failure, refusal) = (fail(ResponseCode::ServFail)?, fail(ResponseCode::Refused)?);
        return Some(Next::Ask { failure, refusal });
    };
    if !matches!(query.query_class(), DNSClass::IN | DNSClass::ANY) {
        return Some(Next::Say(fail(ResponseCode::Refused)?));
    }
    let found =
        if relative.is_empty() { Ok(Found::Parent) } else { (names.lookup)(peer, &relative) };
    match found {
        Ok(found) => tell(&mut reply, names, query, found)?,
        Err(error) => {
            tracing::error!(error, name = %query.name(), "looking up a name failed");
            return Some(Next::Say(fail(ResponseCode::ServFail)?));
        }
    }
    Some(Next::Say(reply.to_vec().ok()?))
}

fn reply_to(request: &Message) -> Message {
    let mut reply = Message::response(request.metadata.id, request.metadata.op_code);
    reply.metadata = Metadata::response_from_request(&request.metadata);
    reply.metadata.recursion_available = true;
    reply.queries.clone_from(&request.queries);
    if request.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(PAYLOAD_MAX);
        reply.edns = Some(edns);
    }
    reply
}

fn with_code(reply: &Message, code: ResponseCode) -> Option<Vec<u8>> {
    let mut reply = reply.clone();
    reply.metadata.response_code = code;
    reply.to_vec().ok()
}

/// The labels before the suffix, `None` when the name does not end with it.
fn relative_to(suffix: &str, name: &Name) -> Option<String> {
    let name = name.to_lowercase().to_ascii();
    let name = name.strip_suffix('.').unwrap_or(&name);
    match name.strip_suffix(suffix)? {
        "" => Some(String::new()),
        rest => rest.strip_suffix('.').map(str::to_owned),
    }
}

fn tell(reply: &mut Message, names: &Names, query: &Query, found: Found) -> Option<()> {
    reply.metadata.authoritative = true;
    let wants = |kind| query.query_type() == kind || query.query_type() == RecordType::ANY;
    let zone = Name::from_str(&format!("{}.", names.suffix)).ok()?;
    let start = Record::from_rdata(zone.clone(), TTL_SECONDS, RData::SOA(authority(&zone)?));
    match found {
        Found::Address(address, second) if wants(RecordType::A) || wants(RecordType::AAAA) => {
            let first = wants(RecordType::A).then_some(RData::A(A(address)));
            let second = second.filter(|_| wants(RecordType::AAAA)).map(|it| RData::AAAA(AAAA(it)));
            let all: Vec<RData> = first.into_iter().chain(second).collect();
            if all.is_empty() {
                reply.add_authority(start);
            }
            for data in all {
                reply.add_answer(Record::from_rdata(query.name().clone(), TTL_SECONDS, data));
            }
        }
        Found::Parent if wants(RecordType::SOA) && *query.name() == zone => {
            reply.add_answer(start);
        }
        Found::Address(..) | Found::Parent => drop(reply.add_authority(start)),
        Found::Nothing => {
            reply.metadata.response_code = ResponseCode::NXDomain;
            reply.add_authority(start);
        }
    }
    Some(())
}

/// Says how long "there is none" may be remembered.
fn authority(zone: &Name) -> Option<SOA> {
    let name = |label: &str| Name::from_str(label).ok()?.append_domain(zone).ok();
    let (server, mailbox) = (name("ns")?, name("hostmaster")?);
    Some(SOA::new(server, mailbox, 1, 60, 60, 60, TTL_SECONDS))
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, sync::Arc};

    use super::*;

    const WEB: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 7);

    fn names() -> Names {
        let lookup = |_, name: &str| match name {
            "web.westus" => Ok(Found::Address(WEB, None)),
            "both.westus" => Ok(Found::Address(WEB, Some(WEB.to_ipv6_mapped()))),
            "westus" => Ok(Found::Parent),
            "broken.westus" => Err("the disk is on fire".to_owned()),
            _ => Ok(Found::Nothing),
        };
        let resolv_conf = "/nowhere".into();
        Names { suffix: "test.internal".to_owned(), lookup: Arc::new(lookup), resolv_conf }
    }

    fn ask(name: &str, kind: RecordType) -> Message {
        let mut query = Message::query();
        query.add_query(Query::query(Name::from_str(name).unwrap(), kind));
        let bytes = query.to_vec().unwrap();
        let peer = IpAddr::from(Ipv4Addr::LOCALHOST);
        match answer(&names(), peer, &bytes).unwrap() {
            Next::Say(answer) => {
                let answer = Message::from_vec(&answer).unwrap();
                assert_eq!(answer.metadata.id, query.metadata.id);
                answer
            }
            Next::Ask { .. } => panic!("{name} is asked of others"),
        }
    }

    #[test]
    fn a_name_has_its_address_in_any_casing() {
        let answer = ask("Web.WestUS.Test.Internal.", RecordType::A);
        assert!(answer.metadata.authoritative);
        assert_eq!(answer.answers.len(), 1);
        assert_eq!(answer.answers[0].data, RData::A(A(WEB)));
        assert_eq!(answer.answers[0].ttl, TTL_SECONDS);
    }

    #[test]
    fn a_name_has_its_second_address_when_there_is_one() {
        let answer = ask("both.westus.test.internal.", RecordType::AAAA);
        assert_eq!(answer.answers[0].data, RData::AAAA(AAAA(WEB.to_ipv6_mapped())));
        assert_eq!(ask("both.westus.test.internal.", RecordType::ANY).answers.len(), 2);
        assert_eq!(ask("both.westus.test.internal.", RecordType::A).answers.len(), 1);
    }

    #[test]
    fn what_a_name_has_not_is_told_apart_from_names_that_are_not() {
        for (name, kind, code) in [
            ("web.westus.test.internal.", RecordType::AAAA, ResponseCode::NoError),
            ("westus.test.internal.", RecordType::A, ResponseCode::NoError),
            ("test.internal.", RecordType::A, ResponseCode::NoError),
            ("other.westus.test.internal.", RecordType::A, ResponseCode::NXDomain),
            ("broken.westus.test.internal.", RecordType::A, ResponseCode::ServFail),
        ] {
            let answer = ask(name, kind);
            assert_eq!(answer.metadata.response_code, code, "{name}");
            assert!(answer.answers.is_empty(), "{name}");
            let is_authority = code != ResponseCode::ServFail;
            assert_eq!(answer.authorities.len(), usize::from(is_authority), "{name}");
        }
        assert_eq!(ask("test.internal.", RecordType::SOA).answers.len(), 1);
    }

    #[test]
    fn other_names_are_asked_of_others_and_nonsense_is_told() {
        let peer = IpAddr::from(Ipv4Addr::LOCALHOST);
        for name in ["example.com.", "nottest.internal.", "internal."] {
            let mut query = Message::query();
            query.add_query(Query::query(Name::from_str(name).unwrap(), RecordType::A));
            let next = answer(&names(), peer, &query.to_vec().unwrap());
            assert!(matches!(next, Some(Next::Ask { .. })), "{name}");
        }
        assert_eq!(answer(&names(), peer, b"x"), None);
        let Some(Next::Say(error)) = answer(&names(), peer, b"\x12\x34\x01\x00\x00\x01") else {
            panic!("not told")
        };
        let error = Message::from_vec(&error).unwrap();
        assert_eq!(error.metadata.response_code, ResponseCode::FormErr);
        // An answer is never answered: two servers would do so for ever.
        assert_eq!(answer(&names(), peer, &error.to_vec().unwrap()), None);
    }
}
