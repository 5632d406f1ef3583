//! Actions of staff.

use alma_sim::Mark;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use super::{DESK, Hold, SimAlma, text};
use crate::failure::{Failure, Result};

impl SimAlma {
    /// Scans an item in at the desk of a library: a dispatch, a receipt or a return, whichever applies. Returns the
    /// item's process type afterwards, which is empty if the item is in place.
    ///
    /// # Errors
    /// Alma's message if it refuses.
    pub async fn scan_in(&self, barcode: &str, library: &str) -> Result<String> {
        let body = json!({"barcode": barcode, "library": library, "desk": DESK});
        Ok(text(&self.post(&["scan-in"], body).await?["process_type"]))
    }

    /// Takes an item back at the desk of a library. For Alma this is an ordinary scan.
    ///
    /// # Errors
    /// Alma's message if it refuses.
    pub async fn take_back(&self, barcode: &str, library: &str) -> Result<String> {
        let body = json!({"barcode": barcode, "library": library, "desk": DESK});
        Ok(text(&self.post(&["return"], body).await?["process_type"]))
    }

    /// Lends an item at the desk of a library. Returns the loan's id.
    ///
    /// # Errors
    /// Alma's message if it refuses.
    pub async fn lend(&self, barcode: &str, user: &str, library: &str) -> Result<String> {
        let body = json!({"barcode": barcode, "user": user, "library": library, "desk": DESK});
        Ok(text(&self.post(&["loan"], body).await?["loan_id"]))
    }

    /// Lends an item although it is held for somebody else. Returns the loan's id.
    ///
    /// # Errors
    /// Alma's message if it refuses.
    pub async fn lend_overriding_hold(&self, barcode: &str, user: &str, library: &str) -> Result<String> {
        let body = json!({"barcode": barcode, "user": user, "library": library, "desk": DESK, "override": true});
        Ok(text(&self.post(&["loan"], body).await?["loan_id"]))
    }

    /// Adds a title in several volumes. Each has a barcode, a description and a year. Returns the record's id.
    ///
    /// # Errors
    /// Alma's message if it refuses.
    pub async fn add_volumes(&self, title: &str, volumes: &[(&str, &str, &str)]) -> Result<String> {
        let item = |(barcode, description, year): &(&str, &str, &str)| json!({"barcode": barcode, "description": description, "chronology_i": year});
        let items: Vec<Value> = volumes.iter().map(item).collect();
        let body = json!({"title": title, "library": "MAIN", "location": "stacks", "items": items});
        Ok(text(&self.post(&["bibs"], body).await?["mms_id"]))
    }

    /// Renews the loan of an item.
    ///
    /// # Errors
    /// Alma's message if it refuses.
    pub async fn renew(&self, barcode: &str) -> Result<()> {
        self.post(&["renew"], json!({"barcode": barcode})).await.map(drop)
    }

    /// Changes the due date of an item's loan.
    ///
    /// # Errors
    /// Alma's message if it refuses, as for a date in the past.
    pub async fn set_due(&self, barcode: &str, due: Timestamp) -> Result<()> {
        self.post(&["due"], json!({"barcode": barcode, "due": due.to_string()})).await.map(drop)
    }

    /// Places a hold on an item, to be collected at a library. Returns its id.
    ///
    /// # Errors
    /// Alma's message if it refuses.
    pub async fn place_hold(&self, user: &str, barcode: &str, pickup_library: &str) -> Result<String> {
        let body = json!({"user": user, "barcode": barcode, "pickup_library": pickup_library});
        Ok(text(&self.post(&["hold"], body).await?["request_id"]))
    }

    /// Cancels a hold, for a reason of the table RequestCancellationReasons.
    ///
    /// # Errors
    /// Alma's message if it refuses.
    pub async fn cancel_hold(&self, hold: &str, reason: &str) -> Result<()> {
        self.post(&["requests", hold, "cancel"], json!({"reason": reason})).await.map(drop)
    }

    /// Sets a hold's last day on the shelf to yesterday.
    ///
    /// # Errors
    /// It isn't on the shelf.
    pub async fn expire_on_shelf(&self, hold: &str) -> Result<()> {
        self.post(&["requests", hold, "expire"], json!({})).await.map(drop)
    }

    /// Processes the expired hold shelf. Returns how many holds ended. Their items stay until they are scanned.
    ///
    /// # Errors
    /// The simulator doesn't answer.
    pub async fn work_off_shelf(&self) -> Result<u64> {
        let answer = self.post(&["jobs", "hold-shelf-expiry"], json!({})).await?;
        Ok(answer["closed"].as_u64().unwrap_or_default())
    }

    /// Lets a hold's last day of interest pass and runs Alma's nightly job, which ends it as expired.
    ///
    /// The control surface can't set that day. So this uses Alma's `PUT /users/{user_id}/requests/{request_id}`, as
    /// staff would use the request's edit form. The call requires the comment again.
    ///
    /// # Errors
    /// The hold can't be changed, or the job doesn't end it (a hold on the shelf ends by the shelf's own expiry).
    pub async fn lose_interest(&self, hold: &Hold) -> Result<()> {
        let path = format!("/almaws/v1/users/ALL/requests/{}", hold.id);
        let call = self.line.call(Method::PUT, &path).header("Authorization", format!("apikey {}", self.key));
        let last_day = self.yesterday().await?;
        let body = json!({"request_type": "HOLD", "comment": hold.comment, "last_interest_date": last_day});
        let (status, answer) = self.line.send(call.header("Accept", "application/json"), Some(&body)).await?;
        if !status.is_success() {
            return Err(Failure::new(format!("The hold's last day of interest can't be set: {answer}")));
        }
        let ended = self.post(&["jobs", "interest-expiry"], json!({})).await?["closed"].as_u64().unwrap_or_default();
        if ended == 0 {
            return Err(Failure::new("The nightly job found no hold that had expired."));
        }
        Ok(())
    }

    async fn yesterday(&self) -> Result<String> {
        let now = text(&self.state().await?["now"]);
        let now: Timestamp = now.parse().map_err(|_| Failure::new(format!("The simulator's time is {now:?}.")))?;
        let yesterday = now.checked_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
        Ok(yesterday.strftime("%Y-%m-%d").to_string())
    }

    /// Marks an item lost, claimed returned, found, missing.
    ///
    /// # Errors
    /// The item's state doesn't allow it.
    pub async fn mark(&self, barcode: &str, mark: Mark) -> Result<()> {
        self.post(&["items", barcode, "mark"], json!({"mark": mark})).await.map(drop)
    }

    /// Withdraws an item.
    ///
    /// # Errors
    /// It is on loan or requested.
    pub async fn withdraw(&self, barcode: &str) -> Result<()> {
        self.control(Method::DELETE, &["items", barcode], None).await.map(drop)
    }

    /// Deletes a title without holdings.
    ///
    /// # Errors
    /// It has holdings.
    pub async fn delete_bib(&self, mms: &str) -> Result<()> {
        self.control(Method::DELETE, &["bibs", mms], None).await.map(drop)
    }

    /// Moves an item to a new holding under a title, its own or another one.
    ///
    /// # Errors
    /// There is no such title.
    pub async fn relink(&self, barcode: &str, mms: &str) -> Result<()> {
        self.post(&["items", barcode, "relink"], json!({"mms_id": mms})).await.map(drop)
    }

    /// Adds a title with one copy at MAIN. Returns its MMS id.
    ///
    /// # Errors
    /// The barcode is taken.
    pub async fn add_book(&self, title: &str, barcode: &str) -> Result<String> {
        let body = json!({"title": title, "barcode": barcode, "library": "MAIN", "location": "stacks"});
        Ok(text(&self.post(&["bibs"], body).await?["mms_id"]))
    }

    /// Suppresses a title from discovery, or shows it.
    ///
    /// # Errors
    /// There is no such title.
    pub async fn suppress(&self, mms: &str, suppressed: bool) -> Result<()> {
        self.post(&["bibs", mms, "suppress"], json!({"suppressed": suppressed})).await.map(drop)
    }

    /// Blocks a user.
    ///
    /// # Errors
    /// There is no such user.
    pub async fn block(&self, user: &str) -> Result<()> {
        self.post(&["users", user, "blocks"], json!({"code": "02-GLOBAL"})).await.map(drop)
    }

    /// Lifts all blocks of a user.
    ///
    /// # Errors
    /// There is no such user.
    pub async fn unblock(&self, user: &str) -> Result<()> {
        self.control(Method::DELETE, &["users", user, "blocks"], None).await.map(drop)
    }

    /// Creates a user from Alma's JSON shape.
    ///
    /// # Errors
    /// Alma's message if it refuses.
    pub async fn add_user(&self, user: &Value) -> Result<()> {
        self.post(&["users"], user.clone()).await.map(drop)
    }

    /// Changes fields of a user, such as `{"status": {"value": "INACTIVE"}}`.
    ///
    /// # Errors
    /// Alma's message if it refuses.
    pub async fn change_user(&self, user: &str, fields: &Value) -> Result<()> {
        self.control(Method::PATCH, &["users", user], Some(fields.clone())).await.map(drop)
    }
}
