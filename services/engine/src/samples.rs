//! A small world that several tests begin with: one pack about bills, families, bills.

use proto::{
    catalogue::Catalogue, date::Instant, event::Event, frame::Entry, household::Profile,
    json::Json, person::Persons,
};

/// A pack with a fact `oop` and what stands behind it: rules and further.
pub(crate) fn pack(rules: &str) -> Entry {
    let yaml = format!(
        "pack: medical\ntitle: {{zh: 自付, en: bills}}\nscope: \"99\"\neffective: {{from: 2026-01-01}}\n\
         facts:\n  oop: {{sum: medical.settlement.self_paid_fen, over: 365d}}\nrules:\n{rules}"
    );
    Entry::Pack { name: "pack.yaml".into(), yaml: yaml.into_bytes().into(), withdrawn: false }
}

/// A family's profile of a day in January 2026.
pub(crate) fn profile(household: &str, day: u64, persons: &[&str]) -> Entry {
    let members = persons.iter().map(|p| format!(r#"{{"person":"{p}","birth_year":1980}}"#));
    let members = members.collect::<Vec<_>>().join(",");
    let text = format!(
        r#"{{"household":"{household}","region":"990102003004","size":2,"class":"ordinary","net_income_fen":5,
        "updated_at":"2026-01-{day:02}T08:00:00+08:00","members":[{members}]}}"#
    );
    let json = Json::parse(text.as_bytes()).unwrap();
    let parsed = Profile::parse(&json, Instant::EPOCH_SHANGHAI, Persons::AsGiven);
    Entry::Profile(Box::new(parsed.unwrap().0))
}

/// A bill of 4 March 2026, 2,000 fen of it self-paid.
pub(crate) fn bill(id: &str, subject: &str) -> Entry {
    let text = format!(
        r#"{{"specversion":"1.0","type":"medical.settlement","id":"{id}","source":"99/ybj",
        "time":"2026-03-04T10:20:30+08:00","subject":"{subject}",
        "data":{{"total_fen":5000,"self_paid_fen":2000,"setting":"inpatient"}}}}"#
    );
    let json = Json::parse(text.as_bytes()).unwrap();
    let event = Event::parse(&json, &Catalogue::shipped(), Persons::AsGiven).unwrap().0;
    Entry::Event(Box::new(event))
}
