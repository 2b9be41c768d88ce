//! The import client against a door on a socket: every line once, in spite of a busy door.

use std::sync::{Arc, Mutex};

use chassis::{Shutdown, serve};
use intake::{
    SubmitError,
    client::{Client, ImportError},
    door::Noun,
};

use crate::desk::{Desk, EVENT};

/// Serves the desk's router while `work` runs, and gives it the address.
fn served<T>(desk: &Desk, work: impl FnOnce(String) -> T) -> T {
    let router = desk.router.clone();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    let stop = Shutdown::default();
    std::thread::scope(|scope| {
        let wish = stop.clone();
        scope.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                serve::serve(listener, router, serve::Options::default(), wish).await;
            });
        });
        let done = work(base);
        stop.request();
        done
    })
}

#[test]
fn a_file_is_sent_in_several_calls_and_a_busy_door_is_asked_again() {
    let desk = Desk::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.ndjson");
    let mut text: String =
        (0..12_000).map(|n| EVENT.replace("e1", &format!("n{n}")) + "\n").collect();
    text.push_str("{broken\n\n");
    std::fs::write(&file, text).unwrap();
    desk.journal.state().failing = Some(SubmitError::Busy { retry_after_s: 7 });
    let waits = Arc::new(Mutex::new(Vec::new()));
    let (journal, seen) = (desk.journal.clone(), Arc::clone(&waits));
    let totals = served(&desk, |base| {
        let mut client = Client::new(&base, "operator\n").quiet(move |wait| {
            seen.lock().unwrap().push(wait.as_secs());
            journal.state().failing = None;
        });
        client.send(Noun::Event, &file).unwrap()
    });
    assert_eq!((totals.parked, totals.rejected), (12_000, 1));
    assert_eq!(totals.by_code["json.syntax"], 1);
    assert_eq!(*waits.lock().unwrap(), [7]);
    assert_eq!(desk.enqueued(), 12_000);
    assert_eq!(desk.journal.state().submissions.len(), 3);
    assert!(totals.to_string().ends_with("json.syntax 1"));
}

#[test]
fn a_refused_call_ends_the_import() {
    let desk = Desk::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("households.ndjson");
    std::fs::write(&file, "{}\n").unwrap();
    let ended = served(&desk, |base| {
        Client::new(&base, "stranger").quiet(|_| {}).send(Noun::Household, &file)
    });
    let Err(ImportError::Refused { status: 401, code }) = ended else { panic!("refused") };
    assert_eq!(code, "auth.required");
}
