//! Serves one university on a port, for clients of any kind:
//! `cargo run -p alma-sim --example serve -- 8081 01AAA_INST key-a`.

use alma_sim::{Server, Sim, SimOptions, presets};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().as_deref().unwrap_or("8081").parse()?;
    let code = arguments.next().unwrap_or_else(|| "01AAA_INST".to_owned());
    let key = arguments.next().unwrap_or_else(|| "key-a".to_owned());
    let sim = Sim::new(&SimOptions::default());
    sim.add_institution(presets::university(&code, &key))?;
    let server = Server::start(sim, ([127, 0, 0, 1], port).into()).await?;
    tracing::info!(url = server.base_url(), "serving");
    tokio::signal::ctrl_c().await?;
    server.stop().await;
    Ok(())
}
