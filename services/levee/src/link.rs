//! `levee link`: another one-time link to the pages of a running `levee up`.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use chassis::Failure;
use serde_json::Value;
use ureq::Agent;

use crate::{cli, folder::Folder};

/// Ask the running process for another sign-in link, valid once for 15 minutes
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder of the running process
    #[arg(long, default_value = "./levee-data", value_name = "DIR")]
    data: PathBuf,
}

/// Prints the link.
pub(crate) fn run(args: &Args) -> ExitCode {
    match ask(args) {
        Ok(link) => {
            cli::say!("sign in: {link}");
            ExitCode::SUCCESS
        }
        Err(failure) => cli::fail(failure.exit(), failure),
    }
}

fn ask(args: &Args) -> Result<String, Failure> {
    let folder = Folder::existing(&args.data)?;
    let (base, token) = (folder.base()?, folder.token()?);
    let agent: Agent =
        Agent::config_builder().timeout_global(Some(Duration::from_secs(10))).build().into();
    let answer = agent
        .post(format!("{base}/v1/sign-in-links"))
        .header("authorization", format!("Bearer {token}"))
        .send_empty();
    let mut answer = answer.map_err(|e| Failure::new(1, format!("{base} does not answer: {e}")))?;
    let answer: Value = answer.body_mut().read_json()?;
    let path = answer["path"].as_str();
    let path = path.ok_or_else(|| Failure::new(1, format!("{base} gives no link")))?;
    Ok(format!("{base}{path}"))
}
