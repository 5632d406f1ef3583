//! Users, their requests and their loans.

use alma::{
    Barcode, Cancellation, Code, LoanFilter, LoanProcess, LoanStatus, NewBlock, NewIdentifier, NewLoan, NewRequest,
    NewUser, Pickup, RequestFilter, RequestStatus, RequestType, UserId,
};
use futures::TryStreamExt;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::fake::{Fake, answer, fixture, ok, refusal};

fn reader() -> UserId {
    UserId::from("sample.reader@example.org")
}

fn parsed(name: &str) -> Value {
    serde_json::from_str(&fixture(name)).unwrap()
}

#[tokio::test]
async fn a_user_is_read_with_only_active_barcodes_to_act_on() {
    let fake = Fake::answering("user.json").await;
    let user = fake.client().users().get(&UserId::from("29999000000009")).await.unwrap();
    assert_eq!(user.primary_id().as_str(), "sample.reader@example.org");
    assert_eq!(user.last_name(), Some("Reader"));
    assert_eq!(user.middle_name(), None);
    assert_eq!(user.user_group().unwrap().as_str(), "UNDRGRD");
    assert_eq!(user.expiry_date(), Some(Date::constant(2030, 9, 30)));
    assert_eq!(user.birth_date(), Some(Date::constant(2001, 2, 3)));
    assert_eq!(user.email(), Some("sample.reader@example.org"));
    assert_eq!(user.active_barcodes().collect::<Vec<_>>(), [Barcode::from("29999000000017")]);
    assert_eq!(user.identifiers().len(), 3);
    assert!(user.is_active());
    let block = &user.blocks()[0];
    assert_eq!(block.block_description.as_ref().unwrap().as_str(), "02-GLOBAL");
    assert!(block.stops_at("2026-06-01T00:00:00Z".parse().unwrap()));
    assert!(!block.stops_at("2027-06-01T00:00:00Z".parse().unwrap()));
}

#[tokio::test]
async fn a_user_with_hardly_anything_is_active_and_has_no_barcode() {
    for (id, body) in [
        ("17", json!({"primary_id": 17})),
        (" 17 ", json!({"primary_id": " 17 ", "status": {}, "user_identifier": null, "contact_info": ""})),
    ] {
        let fake = Fake::start(move |_, _| ok(&body.to_string())).await;
        let user = fake.client().users().get(&reader()).await.unwrap();
        assert_eq!(user.primary_id().as_str(), id, "it goes back as it is");
        assert!(user.is_active());
        assert_eq!(user.active_barcodes().count(), 0);
    }
}

#[tokio::test]
async fn only_inactive_and_deleted_stop_a_user() {
    for (status, active) in [("INACTIVE", false), ("deleted", false), ("ACTIVE", true), ("SOMETHING", true)] {
        let fake =
            Fake::start(move |_, _| ok(&json!({"primary_id": "x", "status": {"value": status}}).to_string())).await;
        assert_eq!(fake.client().users().get(&reader()).await.unwrap().is_active(), active, "{status}");
    }
}

#[tokio::test]
async fn users_are_searched() {
    let fake = Fake::answering("users.json").await;
    let rows: Vec<_> = fake.client().users().search("last_name~reader AND user_group~DCB").try_collect().await.unwrap();
    assert_eq!(rows[0].primary_id, reader());
    assert_eq!(fake.only().line(), "GET /users?q=last_name~reader%20AND%20user_group~DCB&limit=100&offset=0");
}

#[tokio::test]
async fn a_virtual_patron_is_created_with_the_body_alma_wants() {
    let fake = Fake::answering("user.json").await;
    let mut new = NewUser::external("12345@ASLPL", "VPATRON", "DCB", "DCB");
    new.first_name = Some("DCB".to_owned());
    new.expiry_date = Some(Date::constant(2026, 12, 31));
    new.identifiers = vec![
        NewIdentifier { id_type: "BARCODE".to_owned(), value: "DCB-29999000000017".to_owned() },
        NewIdentifier { id_type: "INST_ID".to_owned(), value: "inst-dcb-12345".to_owned() },
    ];
    fake.client().users().create(&new).await.unwrap();
    let seen = fake.only();
    assert_eq!(seen.line(), "POST /users");
    assert_eq!(seen.header("content-type"), "application/json");
    assert_eq!(seen.json(), parsed("user-create-virtual.json"));
}

#[tokio::test]
async fn taken_user_identifier_is_recognised_by_the_code() {
    let fake = Fake::start(|_, _| refusal("401851")).await;
    let error = fake.client().users().create(&NewUser::external("x", "y", "DCB", "DCB")).await.unwrap_err();
    assert!(error.is_refused_with(&Code::IdentifierTaken));
}

#[tokio::test]
async fn an_update_sends_back_what_it_read_but_for_the_change() {
    let fake = Fake::start(|_, _| {
        let mut user = parsed("user.json");
        user["field_of_tomorrow"] = json!({"a": [1, 2]});
        ok(&user.to_string())
    })
    .await;
    fake.client()
        .users()
        .update_overriding(&reader(), &["user_group", "pin_number"], |user| {
            user.insert("user_group".to_owned(), json!({"value": "DCB"}));
        })
        .await
        .unwrap();
    let seen = fake.seen();
    assert_eq!(seen[0].line(), "GET /users/sample.reader%40example.org");
    assert_eq!(seen[1].line(), "PUT /users/sample.reader%40example.org?override=user_group%2Cpin_number");
    let mut expected = parsed("user.json");
    expected["field_of_tomorrow"] = json!({"a": [1, 2]});
    expected["user_group"] = json!({"value": "DCB"});
    assert_eq!(seen[1].json(), expected);
    assert_eq!(seen[1].json()["birth_date"], "2001-02-03Z");
}

#[tokio::test]
async fn block_is_added_once_and_removed() {
    let fake = Fake::answering("user.json").await;
    let users = fake.client().users();
    let there = NewBlock {
        block_type: "GENERAL".to_owned(),
        block_description: "02-GLOBAL".to_owned(),
        note: Some("invented".to_owned()),
        expiry_date: None,
    };
    users.add_block(&reader(), &there).await.unwrap();
    assert_eq!(fake.seen().len(), 1);

    let new = NewBlock { note: Some("DCB".to_owned()), ..there };
    users.add_block(&reader(), &new).await.unwrap();
    let sent = fake.seen()[2].json();
    assert_eq!(sent["user_block"].as_array().unwrap().len(), 2);
    assert_eq!(sent["user_block"][0], parsed("user.json")["user_block"][0]);
    assert_eq!(sent["user_block"][1]["block_note"], "DCB");

    users.remove_block(&reader(), |block| block.block_note.as_deref() == Some("invented")).await.unwrap();
    assert_eq!(fake.seen()[4].json()["user_block"], json!([]));
    users.remove_block(&reader(), |_| false).await.unwrap();
    assert_eq!(fake.seen().len(), 6);
}

#[tokio::test]
async fn a_password_is_checked_in_a_header() {
    let fake = Fake::start(|seen, _| match seen.header("exl-user-pw") {
        "s%C3%A9cret%20%2B" => answer(204, ""),
        _ => refusal("401866"),
    })
    .await;
    let users = fake.client().users();
    assert!(users.authenticate(&reader(), &"sécret +".to_owned().into()).await.unwrap());
    assert!(!users.authenticate(&reader(), &"wrong".to_owned().into()).await.unwrap());
    assert_eq!(fake.lines()[0], "POST /users/sample.reader%40example.org?op=auth");
    let gone = Fake::start(|_, _| refusal("401890")).await;
    assert!(gone.client().users().authenticate(&reader(), &"x".to_owned().into()).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_user_is_deleted() {
    let fake = Fake::start(|_, _| answer(204, "")).await;
    fake.client().users().delete(&reader()).await.unwrap();
    assert_eq!(fake.only().line(), "DELETE /users/sample.reader%40example.org");
}

#[tokio::test]
async fn a_hold_is_placed_with_its_marker_and_read_back() {
    let fake = Fake::answering("request.json").await;
    let marker = "Consortial loan [DCB-REQUEST:00000000-0000-4000-8000-000000000001]";
    let hold = NewRequest::hold(Pickup::Library("SHARING".into())).comment(marker);
    let requests = fake.client().user_requests(&UserId::from("12345@ASLPL"));
    let request = requests.create(&"230000323450007777".into(), &hold).await.unwrap();
    assert_eq!(request.status, RequestStatus::InProcess);
    assert_eq!(request.request_type, RequestType::Hold);
    assert_eq!(request.comment.as_deref(), Some(marker));
    assert_eq!(request.item_id.as_ref().unwrap().as_str(), "230000323450007777");
    assert_eq!(request.pickup_library.as_ref().unwrap().as_str(), "SHARING");
    assert_eq!(request.place_in_queue, Some(1));
    assert_eq!(request.request_date, Some(Date::constant(2026, 3, 1)));
    assert_eq!(request.request_time, Some("2026-03-01T09:08:07.006Z".parse().unwrap()));
    assert_eq!(request.user.as_ref().unwrap().as_str(), "12345@ASLPL");
    let seen = fake.only();
    assert_eq!(seen.line(), "POST /users/12345%40ASLPL/requests?item_pid=230000323450007777");
    assert_eq!(seen.json(), parsed("request-create.json"));
}

#[tokio::test]
async fn a_hold_to_be_collected_at_a_desk_names_desk_and_library() {
    let fake = Fake::answering("request.json").await;
    let mut hold = NewRequest::hold(Pickup::Desk { library: "MAIN".into(), desk: "SHARING_DESK".into() });
    hold.last_interest_date = Some(Date::constant(2026, 5, 1));
    hold.allow_same_request = true;
    let item = alma::ItemPath::new("1", "2", "3");
    fake.client().item_requests(&item).create(&reader(), &hold).await.unwrap();
    let seen = fake.only();
    assert_eq!(
        seen.line(),
        "POST /bibs/1/holdings/2/items/3/requests?user_id=sample.reader%40example.org&allow_same_request=true"
    );
    assert_eq!(
        seen.json(),
        json!({
            "request_type": "HOLD",
            "pickup_location_type": "CIRCULATION_DESK",
            "pickup_location_library": "MAIN",
            "pickup_location_circulation_desk": "SHARING_DESK",
            "last_interest_date": "2026-05-01Z",
        })
    );
}

#[tokio::test]
async fn a_title_level_hold_names_the_title() {
    let fake = Fake::answering("request.json").await;
    let mut hold = NewRequest::hold(Pickup::Library("MAIN".into()));
    hold.description = Some("v. 2".to_owned());
    fake.client().user_requests(&UserId::from("x")).create_title_level(&"99".into(), &hold).await.unwrap();
    assert_eq!(fake.only().line(), "POST /users/x/requests?mms_id=99");
    assert_eq!(fake.only().json()["description"], "v. 2");
}

#[tokio::test]
async fn rows_of_a_list_of_requests_may_lack_the_item() {
    let fake = Fake::answering("requests.json").await;
    let filter = RequestFilter { request_type: Some(RequestType::Hold), history: true };
    let rows: Vec<_> = fake.client().user_requests(&UserId::from("x")).list(&filter).try_collect().await.unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].item_id.as_ref(), rows[0].barcode.as_ref(), rows[1].comment.as_ref()), (None, None, None));
    assert_eq!(rows[1].place_in_queue, Some(2));
    assert_eq!(fake.only().line(), "GET /users/x/requests?request_type=HOLD&status=history&limit=100&offset=0");
}

#[tokio::test]
async fn a_request_that_is_gone_is_not_found_and_a_user_that_is_gone_is_another_thing() {
    let gone = Fake::start(|_, _| refusal("401694")).await;
    let requests = gone.client().user_requests(&UserId::from("x"));
    assert!(requests.get(&"8".into()).await.unwrap_err().is_not_found());
    assert!(requests.cancel(&"8".into(), &Cancellation::silent("R")).await.unwrap_err().is_not_found());
    let no_user = Fake::start(|_, _| refusal("401861")).await;
    let error = no_user.client().user_requests(&UserId::from("x")).get(&"8".into()).await.unwrap_err();
    assert!(error.is_refused_with(&Code::UserNotFound), "{error:?}");
}

#[tokio::test]
async fn a_request_is_cancelled_by_every_path_to_it() {
    let fake = Fake::start(|_, _| answer(204, "")).await;
    let client = fake.client();
    let how =
        Cancellation { reason: "CannotBeFulfilled".to_owned(), note: Some("a & b".to_owned()), notify_user: true };
    let request = "8".into();
    client.user_requests(&UserId::from("x")).cancel(&request, &how).await.unwrap();
    client.item_requests(&alma::ItemPath::new("1", "2", "3")).cancel(&request, &how).await.unwrap();
    client.bib_requests(&"1".into()).cancel(&request, &Cancellation::silent("R")).await.unwrap();
    assert_eq!(
        fake.lines(),
        [
            "DELETE /users/x/requests/8?reason=CannotBeFulfilled&note=a%20%26%20b&notify_user=true",
            "DELETE /bibs/1/holdings/2/items/3/requests/8?reason=CannotBeFulfilled&note=a%20%26%20b&notify_user=true",
            "DELETE /bibs/1/requests/8?reason=R&notify_user=false",
        ]
    );
}

#[tokio::test]
async fn a_request_of_an_item_is_replaced_with_the_body_of_a_new_one() {
    let fake = Fake::start(|_, _| ok(&fixture("request.json"))).await;
    let hold = NewRequest::hold(Pickup::Library("SHARING".into())).comment("for the branch");
    let item = alma::ItemPath::new("1", "2", "3");
    fake.client().item_requests(&item).update(&"8".into(), &hold).await.unwrap();
    assert_eq!(fake.only().line(), "PUT /bibs/1/holdings/2/items/3/requests/8");
    let body = fake.only().json();
    assert_eq!(body["comment"], "for the branch");
    assert_eq!((&body["request_type"], &body["pickup_location_library"]), (&json!("HOLD"), &json!("SHARING")));
}

#[tokio::test]
async fn requests_are_read_by_item_and_by_title() {
    let fake =
        Fake::start(|seen, _| ok(&fixture(if seen.target.ends_with("/8") { "request.json" } else { "requests.json" })))
            .await;
    let client = fake.client();
    let item = client.item_requests(&alma::ItemPath::new("1", "2", "3"));
    assert_eq!(item.get(&"8".into()).await.unwrap().id.as_str(), "8000000110007777");
    assert_eq!(item.list(&RequestFilter::default()).await.unwrap().len(), 2);
    let title = client.bib_requests(&"1".into());
    assert_eq!(title.get(&"8".into()).await.unwrap().id.as_str(), "8000000110007777");
    assert_eq!(title.list(&RequestFilter::holds()).await.unwrap().len(), 2);
    assert_eq!(fake.lines()[3], "GET /bibs/1/requests?request_type=HOLD");
}

#[tokio::test]
async fn a_status_is_known_by_code_and_by_text() {
    for (text, status) in [
        ("NOT_STARTED", RequestStatus::NotStarted),
        ("In Process", RequestStatus::InProcess),
        ("On Hold Shelf", RequestStatus::OnHoldShelf),
        ("HISTORY", RequestStatus::History),
        ("Reinvented", RequestStatus::Other("Reinvented".to_owned())),
    ] {
        let body = json!({"request_id": 8, "request_status": text}).to_string();
        let fake = Fake::start(move |_, _| ok(&body)).await;
        let request = fake.client().user_requests(&UserId::from("x")).get(&"8".into()).await.unwrap();
        assert_eq!(request.status, status);
    }
}

#[tokio::test]
async fn loans_are_listed_with_their_odd_fields() {
    let fake = Fake::answering("loans.json").await;
    let loans: Vec<_> =
        fake.client().user_loans(&UserId::from("x")).list(LoanFilter::Active).try_collect().await.unwrap();
    let (first, second) = (&loans[0], &loans[1]);
    assert_eq!(first.status, LoanStatus::Active);
    assert_eq!(first.process_status, Some(LoanProcess::Normal));
    assert_eq!(first.due_date, Some("2026-04-01T20:00:00Z".parse().unwrap()));
    assert_eq!(first.location.as_ref().unwrap().desc.as_deref(), Some("Stacks"));
    assert_eq!((first.item_policy.as_ref(), first.return_circ_desk.as_ref()), (None, None));
    assert_eq!((first.renewable, second.renewable), (Some(true), None));
    assert_eq!(second.process_status, Some(LoanProcess::Renewed));
    assert_eq!(second.last_renew_status.as_ref().unwrap().as_str(), "RENEWED_SUCCESSFULLY");
    assert_eq!(fake.only().line(), "GET /users/x/loans?loan_status=Active&expand=renewable&limit=100&offset=0");
    let none = Fake::answering("loans-empty.json").await;
    let loans: Vec<_> =
        none.client().user_loans(&UserId::from("x")).list(LoanFilter::Complete).try_collect().await.unwrap();
    assert!(loans.is_empty());
}

#[tokio::test]
async fn an_item_is_lent_by_id_or_barcode() {
    let fake = Fake::answering("loan.json").await;
    let client = fake.client();
    let loans = client.user_loans(&UserId::from("x"));
    let mut new = NewLoan::at("MAIN", "DEFAULT_CIRC_DESK");
    new.request_id = Some("8000000110007777".into());
    let loan = loans.create(alma::ItemPid::from("23"), &new).await.unwrap();
    assert_eq!(loan.id.as_str(), "7000000110007777");
    loans.create(Barcode::from("3+1"), &NewLoan::at("MAIN", "D")).await.unwrap();
    client.item_loans(&alma::ItemPath::new("1", "2", "3")).create(&UserId::from("x"), &new).await.unwrap();
    assert_eq!(
        fake.lines(),
        [
            "POST /users/x/loans?item_pid=23",
            "POST /users/x/loans?item_barcode=3%2B1",
            "POST /bibs/1/holdings/2/items/3/loans?user_id=x",
        ]
    );
    assert_eq!(fake.seen()[0].json(), parsed("loan-create-request.json"));
}

#[tokio::test]
async fn a_loan_is_read_renewed_and_given_another_due_date() {
    let fake = Fake::answering("loan.json").await;
    let client = fake.client();
    let (loans, loan) = (client.user_loans(&UserId::from("x")), "7".into());
    loans.get(&loan).await.unwrap();
    loans.renew(&loan).await.unwrap();
    loans.change_due_date(&loan, "2026-05-01T20:00:00Z".parse().unwrap()).await.unwrap();
    let item = client.item_loans(&alma::ItemPath::new("1", "2", "3"));
    item.get(&loan).await.unwrap();
    item.renew(&loan).await.unwrap();
    assert_eq!(
        fake.lines(),
        [
            "GET /users/x/loans/7",
            "POST /users/x/loans/7?op=renew",
            "PUT /users/x/loans/7?notify_user=false",
            "GET /bibs/1/holdings/2/items/3/loans/7",
            "POST /bibs/1/holdings/2/items/3/loans/7?op=renew",
        ]
    );
    assert_eq!(fake.seen()[2].json(), json!({"due_date": "2026-05-01T20:00:00Z"}));
    assert_eq!(fake.seen()[1].header("content-length"), "0");
}

#[tokio::test]
async fn missing_loan_and_loan_that_cannot_be_renewed_are_distinguished() {
    let gone = Fake::start(|_, _| refusal("401823")).await;
    assert!(gone.client().user_loans(&UserId::from("x")).renew(&"7".into()).await.unwrap_err().is_not_found());
    let fixed = Fake::start(|_, _| refusal("401822")).await;
    let error = fixed.client().user_loans(&UserId::from("x")).renew(&"7".into()).await.unwrap_err();
    assert!(error.is_refused_with(&Code::NotRenewable));
}

#[tokio::test]
async fn the_loans_of_an_item_are_listed() {
    let fake = Fake::answering("loans.json").await;
    let item = alma::ItemPath::new("1", "2", "3");
    let loans: Vec<_> = fake.client().item_loans(&item).list(LoanFilter::Active).try_collect().await.unwrap();
    assert_eq!(loans[0].user, Some(reader()));
    assert_eq!(fake.only().line(), "GET /bibs/1/holdings/2/items/3/loans?loan_status=Active&limit=100&offset=0");
}
