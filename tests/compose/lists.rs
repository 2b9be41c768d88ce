//! What is sent to the door, and what the lists show of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use system_tests::{
    receiver::Receiver,
    server::{agent, levels},
};

/// How often a state that is waited for is looked at, and how many times at most.
const LOOK: Duration = Duration::from_millis(200);
const LOOKS: usize = 600;

/// A door or a desk, and the token that it takes.
pub(crate) struct Place {
    pub(crate) base: String,
    pub(crate) token: String,
}

impl Place {
    pub(crate) fn new(address: &str, token: &str) -> Place {
        Place { base: format!("http://{address}"), token: token.trim().to_owned() }
    }

    /// Puts the packs in force, then sends the sample's households and its events.
    pub(crate) fn send(&self, sample: &Path) {
        // A fall that is held would show in what order a person's events were decided upon.
        for pack in
            [&sample.join("rules-hebei.yaml"), &sample.join("../../deploy/packs/default.yaml")]
        {
            let pack = fs::read_to_string(pack).unwrap();
            self.put(&pack.replace("close_after: 14d", "close_after: 0d"));
        }
        let authorization = format!("Bearer {}", self.token);
        for (path, file) in [("households", "households.ndjson"), ("events", "events.ndjson")] {
            let lines = fs::read_to_string(sample.join(file)).unwrap();
            let sent = agent()
                .post(format!("{}/v1/{path}", self.base))
                .header("authorization", &authorization)
                .content_type("application/x-ndjson")
                .send(&lines);
            let mut sent = sent.unwrap();
            let told: Value = sent.body_mut().read_json().unwrap();
            assert_eq!(sent.status(), 200, "{told}");
            assert!(told["accepted"].as_u64() > Some(0), "{told}");
        }
    }

    fn put(&self, pack: &str) {
        let authorization = format!("Bearer {}", self.token);
        let name = pack.lines().find_map(|line| line.strip_prefix("pack: ")).unwrap();
        let name = name.split([' ', '#']).next().unwrap();
        let put = agent()
            .put(format!("{}/v1/packs/{name}", self.base))
            .header("authorization", &authorization)
            .content_type("application/yaml")
            .send(pack);
        let mut put = put.unwrap();
        let told = put.body_mut().read_to_string().unwrap();
        assert!(put.status().is_success(), "{}: {told}", put.status());
    }

    /// Makes a subscription.
    pub(crate) fn subscribe(&self, wish: &Value) {
        let made = agent()
            .post(format!("{}/v1/subscriptions", self.base))
            .header("authorization", &format!("Bearer {}", self.token))
            .send_json(wish);
        let mut made = made.unwrap();
        let told = made.body_mut().read_to_string().unwrap();
        assert_eq!(made.status(), 201, "{told}");
    }

    /// Says of an open case that there is no risk, by `door`, and waits until it is closed here.
    pub(crate) fn close_one(&self, door: &Place) {
        let list = self.get("/v1/cases?limit=1");
        let item = &list["items"][0];
        let path = format!("/v1/cases/{}", item["case"].as_str().unwrap());
        let outcome = json!({"id": "o-1", "household": item["household"], "kind": "no_risk",
            "at": "2026-01-01T08:00:00+08:00", "by": "worker-1"});
        let answered = agent()
            .post(format!("{}{path}/outcomes", door.base))
            .header("authorization", &format!("Bearer {}", self.token))
            .send_json(&outcome);
        let mut answered = answered.unwrap();
        let told = answered.body_mut().read_to_string().unwrap();
        assert_eq!(answered.status(), 200, "{told}");
        let closed = (0..LOOKS).any(|_| {
            thread::sleep(LOOK);
            self.get(&path)["state"] == "closed"
        });
        assert!(closed, "{}", self.get(&path));
    }

    /// What the watchers know of households is shown here and by `door`, once a case was closed by
    /// an answer that there is no risk.
    pub(crate) fn shows_households(&self, door: &Place) {
        let list = self.get("/v1/cases?state=all&limit=1");
        let household = &list["items"][0]["household"];
        let state = door.get(&format!("/v1/households/{}", household.as_str().unwrap()));
        assert_eq!(&state["household"], household, "{state}");
        assert_eq!(door.get("/v1/quality")["all"]["no_risk"], 1);
        assert_eq!(self.get("/v1/queue")["visits_known"], true);
    }

    fn get(&self, path: &str) -> Value {
        let got = agent()
            .get(format!("{}{path}", self.base))
            .header("authorization", &format!("Bearer {}", self.token))
            .call();
        got.unwrap().body_mut().read_json().unwrap()
    }

    /// The id of every alert that the lists hold.
    fn alerts(&self) -> BTreeSet<String> {
        let (mut ids, mut next) = (BTreeSet::new(), String::new());
        loop {
            let list = self.get(&format!("/v1/cases?state=all&limit=200{next}"));
            for item in list["items"].as_array().unwrap() {
                let case = self.get(&format!("/v1/cases/{}", item["case"].as_str().unwrap()));
                let alerts = case["alerts"].as_array().unwrap().iter();
                ids.extend(alerts.map(|alert| alert["id"].as_str().unwrap().to_owned()));
            }
            let Some(cursor) = list["next"].as_str() else { return ids };
            next = format!("&cursor={cursor}");
        }
    }

    /// Waits until a receiver has every alert that the lists hold.
    pub(crate) fn wait_until_told(&self, receiver: &Receiver) {
        let wanted = self.alerts();
        assert!(wanted.len() > 5, "{wanted:?}");
        for _ in 0..LOOKS {
            if BTreeSet::from_iter(receiver.taken("/ok/all")) == wanted {
                return;
            }
            thread::sleep(LOOK);
        }
        let told = receiver.taken("/ok/all").len();
        panic!("{told} messages came for {} alerts", wanted.len());
    }

    pub(crate) fn levels(&self) -> BTreeMap<String, String> {
        levels(&self.base, &self.token)
    }

    /// Waits until the lists show these levels.
    pub(crate) fn wait_for(&self, wanted: &BTreeMap<String, String>) {
        for _ in 0..LOOKS {
            if self.levels() == *wanted {
                return;
            }
            thread::sleep(LOOK);
        }
        let found = self.levels();
        let names = wanted.keys().chain(found.keys());
        let differ: Vec<_> = names
            .filter(|name| wanted.get(*name) != found.get(*name))
            .map(|name| (name, wanted.get(name), found.get(name)))
            .collect();
        panic!("{} of {} differ: {differ:?}", differ.len(), wanted.len());
    }
}
