//! Every hostile URL and DNS answer of the table is refused with its code, every good one passes.

#![expect(clippy::expect_used, reason = "a test: a failed step must end it")]

#[path = "hostile/forms.rs"]
mod forms;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicUsize, Ordering},
};

use outbound::{Addresses, AllowList, Client, Limits, Resolver, Roots, is_public};

const ADDRESSES: &str = include_str!("hostile/addresses.txt");
const DRESS: &str = include_str!("hostile/dress.txt");
const URLS: &str = include_str!("hostile/urls.txt");
const GOOD: &str = include_str!("hostile/good.txt");

const LISTED: [&str; 6] = [
    "hooks.example.gov",
    "https://hooks.example.gov:8443",
    "http://plain.example.gov",
    "例子.example.gov",
    "http://127.0.0.1:9000",
    "1.2.3.4",
];

fn list() -> AllowList {
    AllowList::new(LISTED).expect("a good list")
}

fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}

fn addresses() -> Vec<IpAddr> {
    lines(ADDRESSES).map(|line| line.parse().expect("an address")).collect()
}

fn code(list: &AllowList, url: &str) -> &'static str {
    list.check(url).map_or_else(|fault| fault.code().name(), |_| "passes")
}

#[test]
fn a_forbidden_address_is_refused_in_every_form_and_dress() {
    let list = list();
    let mut count = 0;
    for address in addresses() {
        for host in forms::hosts(address) {
            for dress in lines(DRESS) {
                let url = dress.replace("{host}", &host);
                if url == "http://127.0.0.1:9000/latest/meta-data/" {
                    continue;
                }
                let listed = address == IpAddr::from([127, 0, 0, 1]) && !host.starts_with('[');
                let expected = match (listed, url.starts_with("http://"), url.contains(":9000")) {
                    (false, _, _) => "outbound.address",
                    (true, true, true) => "passes",
                    (true, true, false) => "outbound.port",
                    (true, false, _) => "outbound.scheme",
                };
                assert_eq!(code(&list, &url), expected, "{url}");
                count += 1;
            }
        }
    }
    assert!(count >= 10_000, "{count}");
}

#[test]
fn hostile_urls_are_refused_with_their_codes() {
    let list = list();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in lines(URLS) {
        let (expected, url) = line.split_once(' ').unwrap_or((line, ""));
        let url = forms::unescaped(url);
        let found = code(&list, &url);
        if found != expected {
            wrong.push(format!("{url:?}: {found}, not {expected}"));
        }
        count += 1;
    }
    let long = format!("https://hooks.example.gov/{}", "a".repeat(2_048));
    assert_eq!(code(&list, &long), "outbound.url");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 200, "{count}");
}

#[test]
fn nothing_passes_an_empty_list() {
    let nothing = AllowList::default();
    for line in lines(GOOD) {
        let (url, _) = line.split_once(' ').expect("a URL and an origin");
        let expected = if url.contains("9000") { "outbound.address" } else { "outbound.host" };
        assert_eq!(code(&nothing, url), expected, "{url}");
    }
}

#[test]
fn good_urls_pass_and_lead_to_their_origin() {
    let list = list();
    for line in lines(GOOD) {
        let (url, origin) = line.split_once(' ').expect("a URL and an origin");
        let endpoint = list.check(url).unwrap_or_else(|fault| panic!("{url}: {fault}"));
        assert_eq!(endpoint.origin(), origin, "{url}");
    }
}

#[test]
fn an_entry_is_a_host_or_an_origin() {
    for bad in [
        "",
        " ",
        "*",
        "*.example.gov",
        "hooks.example.gov:8443",
        "hooks.example.gov/hook",
        "https://hooks.example.gov/hook",
        "https://hooks.example.gov?x",
        "https://u@a.example",
        "ftp://hooks.example.gov",
        "10.0.0.0/8",
        "https://",
        "[::1",
        "https://a.example:0",
    ] {
        let entries = ["hooks.example.gov", bad];
        assert_eq!(AllowList::new(entries).expect_err(bad).index, 1, "{bad}");
    }
    let forms =
        ["https://hooks.example.gov/", "HTTPS://Hooks.Example.Gov.:443", " hooks.example.gov "];
    for entry in forms {
        let list = AllowList::new([entry]).expect(entry);
        assert_eq!(code(&list, "https://hooks.example.gov/hook"), "passes", "{entry}");
    }
    for entry in ["::1", "[::1]", "https://[0:0::1]:443"] {
        let list = AllowList::new([entry]).expect(entry);
        assert_eq!(code(&list, "https://[::1]/hook"), "passes", "{entry}");
    }
}

/// Gives these answers in turn, the last one from then on.
struct Answers {
    given: Vec<io::Result<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Resolver for Answers {
    fn resolve<'a>(&'a self, name: &'a str) -> Addresses<'a> {
        assert_eq!(name, "hooks.example.gov", "asked in one form only");
        let turn = self.asked.fetch_add(1, Ordering::SeqCst).min(self.given.len() - 1);
        let answer = match &self.given[turn] {
            Ok(addresses) => Ok(addresses.clone()),
            Err(error) => Err(error.kind().into()),
        };
        Box::pin(std::future::ready(answer))
    }
}

/// What the client would connect to, for answers given in turn.
async fn looked_up(
    listed: &[&str],
    given: Vec<io::Result<Vec<IpAddr>>>,
) -> Vec<Result<Vec<SocketAddr>, &'static str>> {
    let turns = given.len();
    let list = AllowList::new(listed).expect("a good list");
    let resolver = Answers { given, asked: AtomicUsize::new(0) };
    let client = Client::new(list, resolver, Roots::none(), Limits::default()).expect("a client");
    let endpoint = client.check("https://HOOKS.example.gov./hook").expect("listed");
    let mut found = Vec::new();
    for _ in 0..turns {
        found.push(client.look_up(&endpoint).await.map_err(|fault| fault.code().name()));
    }
    found
}

#[tokio::test]
async fn a_forbidden_address_in_an_answer_refuses_the_name() {
    let (good, good6): (IpAddr, IpAddr) =
        ("1.1.1.1".parse().unwrap(), "2606:4700::1111".parse().unwrap());
    let mut count = 0;
    for address in addresses() {
        for bad in forms::addresses(address) {
            for answer in [
                vec![bad],
                vec![bad, good],
                vec![good, bad],
                vec![good6, good, bad, good],
                vec![bad, bad],
                [vec![good; 64], vec![bad]].concat(),
            ] {
                let found = looked_up(&["hooks.example.gov"], vec![Ok(answer)]).await;
                assert_eq!(found, [Err("outbound.address")], "{bad}");
                count += 1;
            }
            assert!(!is_public(bad), "{bad}");
        }
    }
    assert!(count >= 1_500, "{count}");
}

#[tokio::test]
async fn every_connection_judges_the_answer_anew() {
    let (good, bad): (IpAddr, IpAddr) = ("1.1.1.1".parse().unwrap(), "10.0.0.1".parse().unwrap());
    let answers = vec![Ok(vec![good]), Ok(vec![bad]), Ok(vec![good]), Ok(vec![good, bad])];
    let found = looked_up(&["hooks.example.gov"], answers).await;
    let there = Ok(vec![SocketAddr::new(good, 443)]);
    let refused = Err("outbound.address");
    assert_eq!(found, [there.clone(), refused.clone(), there, refused]);
}

#[tokio::test]
async fn a_name_without_an_address_is_not_called() {
    let answers = vec![Ok(Vec::new()), Err(io::ErrorKind::NotFound.into())];
    let found = looked_up(&["hooks.example.gov"], answers).await;
    assert_eq!(found, [Err("outbound.resolve"), Err("outbound.resolve")]);
}

#[tokio::test]
async fn a_name_may_stand_for_a_listed_address_only_at_its_scheme_and_port() {
    let inside: IpAddr = "10.1.2.3".parse().unwrap();
    for (entry, passes) in [
        ("10.1.2.3", true),
        ("https://10.1.2.3", true),
        ("https://0xa010203:443", true),
        ("https://10.1.2.3:8443", false),
        ("http://10.1.2.3", false),
        ("http://10.1.2.3:443", false),
        ("10.1.2.4", false),
        ("::ffff:10.1.2.3", false),
    ] {
        let found = looked_up(&["hooks.example.gov", entry], vec![Ok(vec![inside])]).await;
        let there = Ok(vec![SocketAddr::new(inside, 443)]);
        let expected = if passes { there } else { Err("outbound.address") };
        assert_eq!(found, [expected], "{entry}");
    }
}
