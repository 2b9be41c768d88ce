//! Which addresses are public. It knows no name and no list.
//!
//! After the IANA special-purpose address registries for IPv4 and IPv6 as of 2025, without the
//! entries that are "globally reachable" only to reach something that is not a subscriber.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address belongs to the public internet and stands for nothing but itself.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let bits = v4.to_bits();
            !V4.iter()
                .any(|(start, length)| bits >> (32 - length) == start.to_bits() >> (32 - length))
        }
        IpAddr::V6(v6) => {
            let bits = v6.to_bits();
            let within = |(start, length): &(Ipv6Addr, u32)| {
                bits >> (128 - length) == start.to_bits() >> (128 - length)
            };
            within(&GLOBAL) && !V6.iter().any(within) && !is_isatap(v6)
        }
    }
}

const fn v4(a: u8, b: u8, c: u8, length: u32) -> (Ipv4Addr, u32) {
    (Ipv4Addr::new(a, b, c, 0), length)
}

const fn v6(a: u16, b: u16, c: u16, length: u32) -> (Ipv6Addr, u32) {
    (Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length)
}

const V4: [(Ipv4Addr, u32); 19] = [
    v4(0, 0, 0, 8),       // this network
    v4(10, 0, 0, 8),      // private
    v4(100, 64, 0, 10),   // carrier-grade NAT; Alibaba's metadata service
    v4(127, 0, 0, 8),     // loopback
    v4(168, 63, 129, 24), // holds Azure's metadata service
    v4(169, 254, 0, 16),  // link-local; metadata services
    v4(172, 16, 0, 12),   // private
    v4(192, 0, 0, 24),    // protocol assignments
    v4(192, 0, 2, 24),    // documentation
    v4(192, 31, 196, 24), // AS112
    v4(192, 52, 193, 24), // multicast tunnels
    v4(192, 88, 99, 24),  // 6to4 relays
    v4(192, 168, 0, 16),  // private
    v4(192, 175, 48, 24), // AS112
    v4(198, 18, 0, 15),   // benchmarking
    v4(198, 51, 100, 24), // documentation
    v4(203, 0, 113, 24),  // documentation
    v4(224, 0, 0, 4),     // multicast
    v4(240, 0, 0, 4),     // reserved, broadcast
];

/// Outside it lie loopback, mapped and compatible IPv4, NAT64, unique local, link-local, site-local,
/// multicast, SRv6 and everything that nobody was given.
const GLOBAL: (Ipv6Addr, u32) = v6(0x2000, 0, 0, 3);

const V6: [(Ipv6Addr, u32); 5] = [
    v6(0x2001, 0, 0, 23),     // protocol assignments: Teredo, ORCHID, benchmarking
    v6(0x2001, 0xdb8, 0, 32), // documentation
    v6(0x2002, 0, 0, 16),     // 6to4: an IPv4 address inside
    v6(0x2620, 0x4f, 0x8000, 48), // AS112
    v6(0x3fff, 0, 0, 20),     // documentation
];

/// An interface identifier that holds an IPv4 address (RFC 5214).
fn is_isatap(v6: Ipv6Addr) -> bool {
    let [_, _, _, _, high, low, _, _] = v6.segments();
    low == 0x5efe && high & !0x0200 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The other end of a block.
    fn last(start: u128, length: u32, width: u32) -> u128 {
        start | ((1_u128 << (width - length)) - 1)
    }

    #[test]
    fn a_block_ends_where_it_ends() {
        for (start, length) in V4 {
            let start = u128::from(start.to_bits());
            let end = last(start, length, 32);
            let public = |bits: u128| is_public(Ipv4Addr::from_bits(bits as u32).into());
            assert!(!public(start) && !public(end), "{length}");
        }
        for (start, length) in V6 {
            let start = start.to_bits();
            let end = last(start, length, 128);
            let public = |bits: u128| is_public(Ipv6Addr::from_bits(bits).into());
            assert!(!public(start) && !public(end), "{length}");
            assert!(public(end + 1), "{length}");
        }
    }

    #[test]
    fn neighbours_of_blocks_are_public() {
        for good in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2400:3200::1",
            "2606:4700::1111",
            "3ffe:ffff::1",
        ] {
            assert!(is_public(good.parse().unwrap()), "{good}");
        }
    }
}
