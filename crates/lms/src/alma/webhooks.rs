//! Webhooks: translates Alma's messages into hints about what a request may wait for (Alma Developer Network,
//! "Webhooks").

use alma::webhook::{self, Subject};
use lending::{Hint, HoldChange, InstitutionCode, ItemSnapshot, LoanChange};
use secrecy::SecretString;

use super::mapping::item_state;
use super::records::marked_request;
use crate::webhook::{WebhookMessage, WebhookRejection};

pub(super) fn open(
    institution: &InstitutionCode,
    secrets: &[SecretString],
    signature: Option<&str>,
    body: &[u8],
) -> Result<WebhookMessage, WebhookRejection> {
    let signature = signature.unwrap_or_default();
    if !secrets.iter().any(|secret| webhook::is_signed_with(secret, body, signature)) {
        return Err(WebhookRejection::InvalidSignature);
    }
    let message = webhook::Message::read(body).map_err(WebhookRejection::Malformed)?;
    if message.institution.as_ref().is_some_and(|named| !named.eq_ignore_ascii_case(institution.as_str())) {
        return Err(WebhookRejection::OtherInstitution);
    }
    let bib = message.mms_id.as_ref().map(|id| id.as_str().into());
    Ok(WebhookMessage { id: message.id.clone(), at: message.time, hint: hint(&message), bib })
}

fn hint(message: &webhook::Message) -> Option<Hint> {
    match message.subject() {
        Subject::Request(request) => {
            let id = request.id.as_str().into();
            let what = match message.event().as_str() {
                "REQUEST_CREATED" => HoldChange::Placed,
                "REQUEST_PLACED_ON_SHELF" => HoldChange::OnShelf { until: request.expiry_date },
                "REQUEST_CANCELED" => HoldChange::Cancelled,
                _ => HoldChange::Closed,
            };
            Some(Hint::Hold { request: marked_request(request.comment.as_deref()?)?, hold: id, change: what })
        }
        Subject::Loan(loan) => {
            let what = match message.event().as_str() {
                "LOAN_CREATED" => LoanChange::Created { due: loan.due_date },
                "LOAN_RETURNED" => LoanChange::Returned,
                "LOAN_RENEWED" | "LOAN_DUE_DATE" => LoanChange::DueDateChanged(loan.due_date),
                _ => LoanChange::Changed,
            };
            let of = loan.user.as_ref().map(|user| user.as_str().into());
            Some(Hint::Loan {
                item: loan.item_id.as_ref()?.as_str().into(),
                loan: loan.id.as_str().into(),
                patron: of,
                change: what,
            })
        }
        Subject::Item(item) => {
            let snapshot = ItemSnapshot {
                state: Some(item_state(item)),
                barcode: item.barcode.as_ref().map(|barcode| barcode.as_str().into()),
                bib: Some(item.mms_id.as_str().into()),
                holding: Some(item.holding_id.as_str().into()),
            };
            Some(Hint::Item { item: item.pid.as_str().into(), snapshot })
        }
        _ => None,
    }
}
