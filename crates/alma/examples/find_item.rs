//! Finds an item by its barcode and prints where it is and who waits for it.
//!
//! ```text
//! ALMA_URL=https://api-eu.hosted.exlibrisgroup.com ALMA_API_KEY=... cargo run -p alma --example find_item 31999000000011
//! ```

use std::error::Error;

use alma::{Barcode, Client, RequestFilter};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example for the terminal")]
async fn main() -> Result<(), Box<dyn Error>> {
    let barcode = std::env::args().nth(1).ok_or("give a barcode")?;
    let url = std::env::var("ALMA_URL").map_err(|_| "set ALMA_URL")?;
    let key = std::env::var("ALMA_API_KEY").map_err(|_| "set ALMA_API_KEY")?;
    let client = Client::builder(&url, key.into()).build()?;

    let Some(item) = client.items().by_barcode(&Barcode::from(barcode)).await? else {
        println!("No item has this barcode.");
        return Ok(());
    };
    println!("{}", item.title.as_deref().unwrap_or("(no title)"));
    let place = item.library.as_ref().and_then(|library| library.desc.as_deref()).unwrap_or("(unknown library)");
    match &item.process_type {
        Some(process) if !item.is_in_place() => println!("belongs to {place}, away: {process}"),
        _ => println!("at {place}"),
    }
    let holds = client.item_requests(&item.path()).list(&RequestFilter::holds()).await?;
    println!("{} holds", holds.len());
    if let Some(remaining) = client.remaining() {
        println!("{remaining} calls left today");
    }
    Ok(())
}
