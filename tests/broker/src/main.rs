//! A broker by hand: starts one, prints its address, and ends it when standard input ends.

use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(broker) = test_broker::Broker::start() else { return ExitCode::FAILURE };
    println!("{}", broker.address());
    match io::copy(&mut io::stdin(), &mut io::sink()) {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
