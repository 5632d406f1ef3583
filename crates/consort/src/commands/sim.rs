//! `consort sim`: simulated Almas on one port.

use std::net::SocketAddr;

use alma_sim::{Server, Sim as Simulator, SimOptions, presets};
use clap::Args;
use tracing::info;

use crate::commands::serve::until_stopped;
use crate::failure::{Failure, Result};

/// Run simulated Almas.
#[derive(Args, Debug)]
pub(crate) struct Sim {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// The code of the institution.
    #[arg(long, default_value = "01SIM_INST")]
    institution: String,
    /// Its API key.
    #[arg(long, default_value = "l8xx-simulated-key")]
    api_key: String,
    /// Stop when standard input ends, as when the program that started this one has ended.
    #[arg(long, hide = true)]
    until_stdin_ends: bool,
}

impl Sim {
    pub(crate) async fn run(self) -> Result<()> {
        let sim = Simulator::new(&SimOptions::default());
        sim.add_institution(presets::university(&self.institution, &self.api_key))
            .map_err(|refusal| Failure::new(format!("The institution can't be made: {refusal}.")))?;
        let server = Server::start(sim, self.listen).await.map_err(|error| {
            Failure::new(format!("The simulator can't listen at {}: {error}.", self.listen))
                .advice("Choose another address with --listen.")
        })?;
        info!(address = %server.base_url(), institution = %self.institution, "the simulated Alma is ready");
        until_stopped(self.until_stdin_ends).await;
        Ok(())
    }
}
