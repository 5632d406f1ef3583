//! Harvests from a scripted server: tokens, checkpoints, windows, waits.

use std::time::Duration;

use oai_pmh::{Checkpoint, Error, Event, Granularity, RetryPolicy, Selection, parse_datestamp};

use crate::support::{
    Answer, Script, builder, client, error_page, identify, page, record_with, records, run, selection, words,
};

fn pages(answers: impl IntoIterator<Item = String>) -> Vec<Answer> {
    answers.into_iter().map(Answer::from).collect()
}

#[tokio::test]
async fn harvest_follows_tokens_and_gives_a_checkpoint_after_each_page() {
    let script = Script::harvest(pages([records([1, 2], "a&amp;b@1:2 ="), records([3], "c"), records([4], "")])).await;
    let (events, error) = run(client(&script.url).0.harvest(selection())).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(words(&events), ["1", "2", "page", "3", "page", "4", "end of 4"]);
    assert_eq!(
        script.queries(),
        [
            "verb=ListRecords&metadataPrefix=marc21",
            "verb=ListRecords&resumptionToken=a%26b%401%3A2+%3D",
            "verb=ListRecords&resumptionToken=c"
        ]
    );
}

#[tokio::test]
async fn harvest_resumes_from_the_last_committed_page() {
    let script =
        Script::harvest(pages([records([1, 2], "a"), records([3], "b"), records([3], "b"), records([4], "")])).await;
    let client = client(&script.url).0;
    let mut harvest = client.harvest(selection());
    let mut stored = String::new();
    while let Some(event) = harvest.next().await.unwrap() {
        match event {
            Event::Page(checkpoint) if stored.is_empty() => stored = serde_json::to_string(&checkpoint).unwrap(),
            // The process dies before the second page is committed.
            Event::Record(record) if record.identifier == "oai:t:3" => break,
            _ => {}
        }
    }
    drop(harvest);
    let checkpoint: Checkpoint = serde_json::from_str(&stored).unwrap();
    let (events, error) = run(client.resume(checkpoint)).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(words(&events), ["3", "page", "4", "end of 4"]);
    assert_eq!(script.queries()[2], "verb=ListRecords&resumptionToken=a");
}

#[tokio::test]
async fn harvest_that_is_complete_is_not_resumed() {
    let script = Script::harvest(pages([records([1], "")])).await;
    let client = client(&script.url).0;
    let (events, _) = run(client.harvest(selection())).await;
    let Some(Event::Page(checkpoint)) = events.last() else { panic!("{events:?}") };
    let (events, error) = run(client.resume((**checkpoint).clone())).await;
    assert!(events.is_empty() && error.is_none());
}

#[tokio::test]
async fn boundary_is_part_of_the_window_with_a_step_back_in_the_granularity_of_the_repository() {
    for (granularity, from, until) in [
        ("YYYY-MM-DDThh:mm:ssZ", "2024-05-06T06%3A08%3A08Z", "2024-05-07T00%3A00%3A00Z"),
        ("YYYY-MM-DD", "2024-05-06", "2024-05-07"),
    ] {
        let answers = pages([identify(granularity), records([1], "")]);
        let script = Script::new(answers).await;
        let window = Selection {
            set: Some("books & more".to_owned()),
            from: parse_datestamp("2024-05-06T07:08:08Z"),
            until: parse_datestamp("2024-05-07"),
            step_back: Duration::from_secs(3600),
            headers_only: true,
            ..selection()
        };
        let (_, error) = run(client(&script.url).0.harvest(window)).await;
        assert!(matches!(error, Some(Error::Missing("ListIdentifiers"))), "{error:?}");
        let query = format!("verb=ListIdentifiers&metadataPrefix=marc21&set=books+%26+more&from={from}&until={until}");
        assert_eq!(script.queries(), [query]);
    }
}

#[tokio::test]
async fn next_harvest_begins_at_the_newest_datestamp() {
    let script = Script::harvest(pages([records([5, 3], "")])).await;
    let (events, _) = run(client(&script.url).0.harvest(selection())).await;
    let Some(Event::Page(checkpoint)) = events.last() else { panic!("{events:?}") };
    assert_eq!(checkpoint.next_from(), parse_datestamp("2020-01-01T00:00:05Z"));
    assert_eq!(checkpoint.begun, parse_datestamp("2024-05-06T07:08:09Z"));
    assert_eq!(checkpoint.granularity, Granularity::Second);
}

#[tokio::test]
async fn no_records_is_the_end_and_not_a_failure() {
    let script = Script::harvest(pages([error_page("noRecordsMatch")])).await;
    let window = Selection { from: parse_datestamp("2024-01-01"), ..selection() };
    let (events, error) = run(client(&script.url).0.harvest(window)).await;
    assert!(error.is_none());
    assert_eq!(words(&events), ["end of 0"]);
    let Some(Event::Page(checkpoint)) = events.last() else { panic!("{events:?}") };
    assert_eq!(checkpoint.next_from(), parse_datestamp("2024-01-01"));
}

#[tokio::test]
async fn no_records_behind_a_token_is_an_error_if_the_list_should_be_longer() {
    let sized = records([1], "a").replace("<resumptionToken>", "<resumptionToken completeListSize=\"9\">");
    for (first, complete) in [(records([1], "a"), true), (sized, false)] {
        let script = Script::harvest(pages([first, error_page("noRecordsMatch")])).await;
        let (events, error) = run(client(&script.url).0.harvest(selection())).await;
        assert_eq!(words(&events).last().unwrap() == "end of 1", complete);
        assert_eq!(error.is_none(), complete);
    }
}

#[tokio::test]
async fn refused_token_begins_the_window_anew_at_the_newest_committed_datestamp() {
    let script = Script::harvest(pages([
        records([1, 2], "a"),
        error_page("badResumptionToken"),
        records([2, 3], "b"),
        records([4], ""),
    ]))
    .await;
    let (events, error) = run(client(&script.url).0.harvest(selection())).await;
    assert!(error.is_none(), "{error:?}");
    let expected = ["1", "2", "page", "anew from 2020-01-01T00:00:02Z", "2", "3", "page", "4", "end of 5"];
    assert_eq!(words(&events), expected);
    assert_eq!(script.queries()[2], "verb=ListRecords&metadataPrefix=marc21&from=2020-01-01T00%3A00%3A02Z");
}

#[tokio::test]
async fn refused_token_begins_the_whole_window_anew_if_the_records_have_no_order() {
    let script =
        Script::harvest(pages([records([7, 2], "a"), error_page("badResumptionToken"), records([7, 2, 3], "")])).await;
    let window = Selection { from: parse_datestamp("2019-01-01"), ..selection() };
    let (events, error) = run(client(&script.url).0.harvest(window)).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(words(&events)[3], "anew from 2019-01-01T00:00:00Z");
    assert_eq!(script.queries()[2], script.queries()[0]);
}

#[tokio::test]
async fn tokens_that_are_always_refused_end_the_harvest() {
    let refused = || [records([1], "a"), error_page("badResumptionToken")];
    let script = Script::harvest(pages((0..9).flat_map(|_| refused()))).await;
    let (events, error) = run(client(&script.url).0.harvest(selection())).await;
    assert!(matches!(error, Some(Error::TokensRefused { restarts: 3, .. })), "{error:?}");
    assert_eq!(words(&events).iter().filter(|word| word.starts_with("anew")).count(), 3);
}

#[tokio::test]
async fn page_that_repeats_for_ever_ends_the_harvest() {
    for tokens in [["a", "a", "a"], ["a", "b", "c"]] {
        let script = Script::harvest(pages(tokens.map(|token| records([1, 2], token)))).await;
        let (events, error) = run(client(&script.url).0.harvest(selection())).await;
        assert_eq!(
            error.unwrap().to_string(),
            "the repository repeats itself: page 2 has the same records as page 1; \
            everything before it was harvested. Report it to the repository's operator"
        );
        assert_eq!(words(&events), ["1", "2", "page", "1", "2"]);
    }
}

#[tokio::test]
async fn busy_server_is_waited_for_as_it_asks() {
    let date = "Mon, 06 May 2024 07:09:09 GMT";
    let script = Script::harvest([
        Answer::status(503, &[("retry-after", "7")], "later"),
        Answer::status(429, &[("retry-after", date)], "later"),
        Answer::status(503, &[], "later"),
        Answer::from(records([1], "")),
    ])
    .await;
    let (client, clock) = client(&script.url);
    let (events, error) = run(client.harvest(selection())).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(words(&events), ["retry in 7", "retry in 60", "retry in 4", "1", "end of 1"]);
    assert_eq!(clock.waits(), [7, 60, 4]);
}

#[tokio::test]
async fn server_that_stays_busy_ends_the_harvest_and_loses_nothing() {
    let busy = || Answer::status(503, &[("retry-after", "2")], "later");
    let script = Script::harvest([Answer::from(records([1], "a")), busy(), busy(), busy()]).await;
    let client = builder(&script.url).0.retries(RetryPolicy { tries: 3, ..RetryPolicy::default() }).build().unwrap();
    let mut harvest = client.harvest(selection());
    let error = loop {
        match harvest.next().await {
            Ok(event) => assert!(event.is_some()),
            Err(error) => break error,
        }
    };
    assert_eq!(error.to_string(), "the server is busy (503) after 3 tries; it asks to come back in 2 s");
    assert_eq!(harvest.checkpoint().unwrap().token.as_deref(), Some("a"));
    assert!(harvest.next().await.unwrap().is_none());
}

#[tokio::test]
async fn connection_that_breaks_in_a_page_repeats_the_page() {
    let text = records([1, 2], "a");
    let half = text[..text.find("<a>2").unwrap()].to_owned();
    let broken = Answer { breaks: true, ..Answer::from(half.clone()) };
    let script =
        Script::harvest([broken, Answer::from(half), Answer::from(text), Answer::from(records([3], ""))]).await;
    let (events, error) = run(client(&script.url).0.harvest(selection())).await;
    assert!(error.is_none(), "{error:?}");
    // A client may notice that the connection broke before it reads what came over it.
    let after: Vec<_> = words(&events).into_iter().skip_while(|word| word == "1").collect();
    let expected = ["retry in 1", "1", "retry in 2", "1", "2", "page", "3", "end of 3"];
    assert_eq!(after, expected);
}

#[tokio::test]
async fn damaged_record_is_set_aside_while_the_harvest_continues() {
    let text = page("ListRecords", &format!("{}<resumptionToken>a</resumptionToken>", record_with(1, "<a><b></a>")));
    let script = Script::harvest(pages([text, records([2], "")])).await;
    let (events, error) = run(client(&script.url).0.harvest(selection())).await;
    assert!(error.is_none());
    assert_eq!(words(&events), ["set aside oai:t:1", "page", "2", "end of 1"]);
    let Some(Event::Page(checkpoint)) = events.last() else { panic!("{events:?}") };
    assert_eq!((checkpoint.records, checkpoint.set_aside), (1, 1));
}

#[tokio::test]
async fn record_whose_end_is_never_found_is_set_aside_once_the_page_is_complete() {
    let text = records([1, 2, 3], "a").replace("<a>2", "<![CDATA[");
    let script = Script::harvest(pages([text, records([4], "")])).await;
    let (events, error) = run(client(&script.url).0.harvest(selection())).await;
    assert!(error.is_none());
    assert_eq!(words(&events), ["1", "3", "set aside oai:t:2", "page", "4", "end of 3"]);
}

#[tokio::test]
async fn compressed_answers_are_read() {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(records(1..50, "").as_bytes()).unwrap();
    let mut answer = Answer::xml(encoder.finish().unwrap());
    answer.headers.push(("content-encoding", "gzip".to_owned()));
    let script = Script::harvest([answer]).await;
    let (events, error) = run(client(&script.url).0.harvest(selection())).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(words(&events).last().unwrap(), "end of 49");
}
