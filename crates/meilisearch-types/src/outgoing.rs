//! Requests that this server sends: to whom it may (operations.md 19), and the client for them.
//!
//! Addresses that are not globally routable are refused, so that a client cannot make the server
//! talk to machines behind its firewall. The address is judged where the connection is made, after a
//! name is resolved: neither a name nor a redirection leads around it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// An exception to the policy: one of the option `--experimental-allowed-ip-networks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllowedNetwork {
    /// `any`: no address is refused.
    Any,
    /// A network, or a single address.
    Network(IpNet),
}

/// Text that names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no network: give one such as `10.0.0.0/8` or `fd00::/8`, a single address, or `any`"
)]
pub struct NoNetwork(String);

impl FromStr for AllowedNetwork {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        if text == "any" {
            return Ok(AllowedNetwork::Any);
        }
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(AllowedNetwork::Network).map_err(|_| NoNetwork(text.to_owned()))
    }
}

/// An address that this server sends nothing to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the address {0} is not public: start the server with `--experimental-allowed-ip-networks {0}` to allow it"
)]
pub struct RefusedAddress(pub IpAddr);

/// Which addresses the server may send to; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    allowed: Arc<[AllowedNetwork]>,
}

impl Policy {
    /// The policy with these exceptions.
    pub fn new(allowed: &[AllowedNetwork]) -> Policy {
        Policy { allowed: allowed.into() }
    }

    /// Judges an address.
    ///
    /// # Errors
    /// It is not globally routable and no exception holds it.
    pub fn check(&self, address: IpAddr) -> Result<(), RefusedAddress> {
        // An IPv4 address in the clothes of an IPv6 one leads to the former.
        let address = address.to_canonical();
        let is_allowed = self.allowed.iter().any(|allowed| match allowed {
            AllowedNetwork::Any => true,
            AllowedNetwork::Network(network) => network.contains(&address),
        });
        let is_global = match address {
            IpAddr::V4(address) => is_global_v4(address),
            IpAddr::V6(address) => is_global_v6(address),
        };
        if is_allowed || is_global { Ok(()) } else { Err(RefusedAddress(address)) }
    }

    /// A blocking HTTP client that obeys the policy, gives up a request after `timeout` in all, and
    /// gives every answer back, whatever its status. It takes no proxy from the environment: the
    /// policy cannot see through one.
    pub fn client(&self, timeout: Duration) -> Agent {
        let config = Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .proxy(None)
            .build();
        let resolver = Guarded { policy: self.clone(), names: DefaultResolver::default() };
        Agent::with_parts(config, DefaultConnector::default(), resolver)
    }
}

/// Resolves names and refuses those with an address that the policy refuses.
#[derive(Debug)]
struct Guarded {
    policy: Policy,
    names: DefaultResolver,
}

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let addresses = self.names.resolve(uri, config, timeout)?;
        for address in addresses.iter() {
            self.policy.check(address.ip()).map_err(|error| ureq::Error::Other(error.into()))?;
        }
        Ok(addresses)
    }
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    const RESERVED: [([u8; 4], u8); 13] = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        ([240, 0, 0, 0], 4),
    ];
    const GLOBAL: [[u8; 4]; 2] = [[192, 0, 0, 9], [192, 0, 0, 10]];
    GLOBAL.contains(&address.octets())
        || !RESERVED.iter().any(|(start, bits)| {
            Ipv4Net::new(Ipv4Addr::from(*start), *bits).is_ok_and(|net| net.contains(&address))
        })
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    /// The first three segments of a network, the rest being zero, and its length in bits.
    type Network = ([u16; 3], u8);
    const RESERVED: [Network; 9] = [
        ([0x64, 0xff9b, 1], 48),
        ([0x100, 0, 0], 64),
        ([0x2001, 0, 0], 23),
        ([0x2002, 0, 0], 16),
        ([0x2001, 0xdb8, 0], 32),
        ([0x3fff, 0, 0], 20),
        ([0x5f00, 0, 0], 16),
        ([0xfc00, 0, 0], 7),
        ([0xfe80, 0, 0], 10),
    ];
    const GLOBAL: [Network; 4] = [
        ([0x2001, 3, 0], 32),
        ([0x2001, 4, 0x112], 48),
        ([0x2001, 0x20, 0], 28),
        ([0x2001, 0x30, 0], 28),
    ];
    const GLOBAL_ADDRESSES: [[u16; 8]; 2] =
        [[0x2001, 1, 0, 0, 0, 0, 0, 1], [0x2001, 1, 0, 0, 0, 0, 0, 2]];
    let inside = |networks: &[Network]| {
        networks.iter().any(|([a, b, c], bits)| {
            let start = Ipv6Addr::new(*a, *b, *c, 0, 0, 0, 0, 0);
            Ipv6Net::new(start, *bits).is_ok_and(|net| net.contains(&address))
        })
    };
    let is_reserved = address.is_unspecified() || address.is_loopback() || inside(&RESERVED);
    GLOBAL_ADDRESSES.contains(&address.segments()) || inside(&GLOBAL) || !is_reserved
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn allows(policy: &Policy, address: &str) -> bool {
        policy.check(address.parse().unwrap()).is_ok()
    }

    #[test]
    fn only_public_addresses_are_allowed() {
        let policy = Policy::default();
        for global in [
            "1.1.1.1",
            "192.0.0.9",
            "192.0.0.10",
            "172.32.0.1",
            "100.128.0.1",
            "198.20.0.1",
            "239.255.255.255",
            "2606:4700::1",
            "2001:1::1",
            "2001:1::2",
            "2001:3::1",
            "2001:4:112::1",
            "2001:20::1",
            "2001:3f::1",
            "2001:200::1",
            "::ffff:8.8.8.8",
            "64:ff9b::1",
        ] {
            assert!(allows(&policy, global), "{global}");
        }
        for local in [
            "0.1.2.3",
            "10.1.1.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.19.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:1::3",
            "2001:1ff::1",
            "2002::1",
            "2001:db8::1",
            "3fff:fff::1",
            "5f00::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "febf::1",
        ] {
            assert!(!allows(&policy, local), "{local}");
        }
    }

    #[test]
    fn exceptions() {
        let network = |text: &str| text.parse::<AllowedNetwork>();
        let policy = Policy::new(&[network("127.0.0.0/8").unwrap(), network("fd00::7").unwrap()]);
        assert!(allows(&policy, "127.1.2.3") && allows(&policy, "::ffff:127.0.0.1"));
        assert!(allows(&policy, "fd00::7") && !allows(&policy, "fd00::8"));
        assert!(!allows(&policy, "10.0.0.1"));
        assert!(allows(&Policy::new(&[network("any").unwrap()]), "10.0.0.1"));
        for wrong in ["", "Any", "127.0.0.1/33", "localhost"] {
            assert_eq!(network(wrong), Err(NoNetwork(wrong.to_owned())));
        }
    }

    #[test]
    fn the_client_obeys() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = Policy::default().client(Duration::from_secs(5));
        for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
            let error = client.get(format!("http://{host}:{port}/")).call().unwrap_err();
            assert!(error.to_string().contains("is not public"), "{host}: {error}");
        }
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "nothing was sent");
    }
}
