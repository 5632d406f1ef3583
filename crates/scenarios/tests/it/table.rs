
use scenarios::Cell;
use crate::host::Host;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zz_table() {
    for cell in Cell::all() {
        let mut host = Host::on_sqlite().await;
        host.stage.patience = std::time::Duration::from_secs(4);
        let t = std::time::Instant::now();
        let line = match host.stage.play_cell(cell).await {
            Err(f) => format!("ERROR {f}"),
            Ok(Err(why)) => format!("impossible: {why}"),
            Ok(Ok(p)) => {
                let end = match host.stage.play_out().await {
                    Ok(r) => format!("ends {:?} {:?} via {:?}", r.outcome.clone().unwrap_or_default(), r.conditions, r.passed().into_iter().skip(p.then.passed().len()).collect::<Vec<_>>()),
                    Err(f) => format!("PLAY_OUT FAILED {f}\n{}", host.steps()),
                };
                format!("{:?} cancelled {:?} stand {} | {end}", p.passed, p.then.cancellation.as_ref().map(|c| c.by.clone()), p.then.stand())
            }
        };
        println!("{:?} {:?} {:?} [{} ms]: {line}", cell.status, cell.side, cell.closure, t.elapsed().as_millis());
    }
}
