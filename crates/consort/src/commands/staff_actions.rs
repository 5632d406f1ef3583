//! `consort request …`: actions of staff for a request with a problem.

use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Hub, HubArgs};
use crate::commands::placing::copy;
use crate::commands::request::{path_part, state_of, text};
use crate::failure::Result;
use crate::output::print_result;
use crate::table::table;

/// The actions of staff for a request.
#[derive(Subcommand, Debug)]
pub(crate) enum StaffAction {
    /// Poll both libraries now.
    Poll(Named),
    /// Retry the refused effect, after its cause was fixed.
    Resume(One),
    /// Ask another lender.
    NextSupplier(NextSupplier),
    /// Let the patron collect elsewhere in the same institution.
    ChangePickup(ChangePickup),
    /// Report that a missing item has been found.
    ItemFound(One),
    /// Record that the item came back damaged.
    Damage(Damage),
    /// Settle the loss of an item, which ends the request.
    SettleLoss(SettleLoss),
    /// End a request by hand; with --dry-run only show the effects.
    End(End),
    /// Undo the last action, as long as no effect of it was sent.
    Undo(One),
}

/// A request.
#[derive(Args, Debug)]
pub(crate) struct Named {
    #[command(flatten)]
    hub: HubArgs,
    /// The request's id.
    id: String,
}

/// One request, and the reason of the action.
#[derive(Args, Debug)]
pub(crate) struct One {
    #[command(flatten)]
    named: Named,
    /// Why; shown in the timeline, so no names or numbers of persons.
    #[arg(long)]
    reason: Option<String>,
}

/// Ask another lender.
#[derive(Args, Debug)]
pub(crate) struct NextSupplier {
    #[command(flatten)]
    one: One,
    /// The copy to request, as INSTITUTION:BARCODE or INSTITUTION:record:MMS_ID; by default the request's next copy.
    #[arg(long, value_name = "COPY")]
    copy: Option<String>,
    /// Give the present lender up even if no other copy is left, which ends the request.
    #[arg(long)]
    yes: bool,
}

/// Let the patron collect elsewhere.
#[derive(Args, Debug)]
pub(crate) struct ChangePickup {
    #[command(flatten)]
    one: One,
    /// The pickup location's code.
    code: String,
}

/// Record damage.
#[derive(Args, Debug)]
pub(crate) struct Damage {
    #[command(flatten)]
    named: Named,
    /// The damage; shown in the timeline, so no names or numbers of persons.
    description: String,
}

/// Settle a loss.
#[derive(Args, Debug)]
pub(crate) struct SettleLoss {
    #[command(flatten)]
    one: One,
    /// How it is settled.
    #[arg(value_enum)]
    how: How,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum How {
    /// The patron paid for it.
    Paid,
    /// The lender wrote it off.
    WrittenOff,
}

/// End a request by hand.
#[derive(Args, Debug)]
pub(crate) struct End {
    #[command(flatten)]
    one: One,
    /// Show what would be done on each side, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Named {
    async fn post(&self, act: &str, body: Option<&Value>) -> Result<()> {
        let path = format!("/api/v1/requests/{}/{act}", path_part(&self.id)?);
        let request = Hub::new(&self.hub)?.call(Method::POST, &path, body).await?;
        print_result(&request, || state_of(&request));
        Ok(())
    }
}

impl One {
    async fn post(&self, act: &str, mut body: Value) -> Result<()> {
        body["reason"] = json!(self.reason);
        self.named.post(act, Some(&body)).await
    }
}

impl StaffAction {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Poll(one) => one.post("poll", None).await,
            Self::Resume(one) => one.post("resume", json!({})).await,
            Self::ItemFound(one) => one.post("found", json!({})).await,
            Self::Undo(one) => one.post("undo", json!({})).await,
            Self::NextSupplier(next) => {
                let copy = next.copy.as_deref().map(copy).transpose()?;
                next.one.post("next-supplier", json!({"copy": copy, "confirm_no_candidate": next.yes})).await
            }
            Self::ChangePickup(pickup) => {
                pickup.one.post("pickup-location", json!({"pickup_location": pickup.code})).await
            }
            Self::Damage(damage) => {
                damage.named.post("damage", Some(&json!({"description": damage.description}))).await
            }
            Self::SettleLoss(settle) => {
                let how = match settle.how {
                    How::Paid => "paid",
                    How::WrittenOff => "written_off",
                };
                settle.one.post("settle-loss", json!({"how": how})).await
            }
            Self::End(end) if end.dry_run => end.preview().await,
            Self::End(end) => end.one.post("end", json!({})).await,
        }
    }
}

impl End {
    async fn preview(&self) -> Result<()> {
        let path = format!("/api/v1/requests/{}/end", path_part(&self.one.named.id)?);
        let preview = Hub::new(&self.one.named.hub)?.get(&path).await?;
        print_result(&preview, || {
            let mut table = table(&["institution", "what would be done"]);
            for step in preview["steps"].as_array().into_iter().flatten() {
                table.add_row([text(&step["institution"]), text(&step["explanation"])]);
            }
            format!("{}\n{table}\nNothing was done.", text(&preview["item_place"]))
        });
        Ok(())
    }
}
