//! The results of a search, their order and their counts.

use marc::{Format, Record};
use search::{Error, FacetValue, Filters, LAST_HIT, Search, Sort, plain};

use crate::support::{Catalogue, document, held, ids, page, set, titled};

fn value(value: &str, titles: u64) -> FacetValue {
    FacetValue { value: value.to_owned(), titles }
}

#[test]
fn all_words_have_to_occur_in_any_field() {
    let catalogue = Catalogue::of([
        document("sea", titled("The old man and the sea").data("100", '1', ' ', [('a', "Hemingway, Ernest")])),
        document("man", titled("The old man").data("100", '1', ' ', [('a', "Trifonov")])),
    ]);
    assert_eq!(ids(&catalogue.plain("hemingway old")), ["sea"]);
    assert_eq!(catalogue.plain("old man").total, 2);
    assert_eq!(catalogue.plain("old woman").total, 0);
}

#[test]
fn phrases_need_their_words_in_order() {
    let catalogue =
        Catalogue::of([document("a", titled("War and peace")), document("b", titled("Peace and war, collected"))]);
    assert_eq!(ids(&catalogue.plain("\"war and peace\"")), ["a"]);
    assert_eq!(set(&catalogue.plain("war peace")), ["a", "b"]);
    assert_eq!(ids(&catalogue.cql("title = \"and peace\"")), ["a"]);
}

#[test]
fn excluded_words_and_fields_limit_the_result() {
    let catalogue = Catalogue::of([
        document("car", titled("Jaguar, the car")),
        document("cat", titled("Jaguar, the animal").data("650", ' ', '0', [('a', "Cats")])),
    ]);
    assert_eq!(ids(&catalogue.plain("jaguar -car")), ["cat"]);
    assert_eq!(ids(&catalogue.plain("subject:cats")), ["cat"]);
    assert_eq!(catalogue.plain("title:cats").total, 0);
}

#[test]
fn diacritics_and_transcriptions_find_the_same() {
    let catalogue = Catalogue::of([
        document("u", titled("Die Blätter").data("100", '1', ' ', [('a', "Müller, Heiner")])),
        document("ue", titled("Gedichte").data("100", '1', ' ', [('a', "Mueller, Wilhelm")])),
        document("f", titled("Éléments d'algèbre")),
    ]);
    assert_eq!(set(&catalogue.plain("Müller")), ["u", "ue"]);
    assert_eq!(set(&catalogue.plain("mueller")), ["u", "ue"]);
    assert_eq!(set(&catalogue.plain("muller")), ["u"]);
    assert_eq!(ids(&catalogue.plain("elements algebre")), ["f"]);
    assert_eq!(ids(&catalogue.plain("BLAETTER")), ["u"]);
}

#[test]
fn original_scripts_and_their_880_pairs_are_found() {
    let pair = titled("Hong lou meng").data("880", '1', '0', [('6', "245-01/$1"), ('a', "紅樓夢")]);
    let catalogue = Catalogue::of([
        document("zh", pair),
        document("zh2", titled("紅夢樓")),
        document("ru", titled("Война и мир")),
        document("ar", titled("أَلْف لَيْلَة وليلة")),
        document("ko", titled("한국문학사")),
    ]);
    assert_eq!(ids(&catalogue.plain("紅樓夢")), ["zh"]);
    assert_eq!(ids(&catalogue.plain("樓夢")), ["zh"]);
    assert_eq!(set(&catalogue.plain("夢")), ["zh", "zh2"]);
    assert_eq!(ids(&catalogue.plain("hong lou meng 紅樓")), ["zh"]);
    assert_eq!(ids(&catalogue.plain("война")), ["ru"]);
    assert_eq!(ids(&catalogue.plain("الف ليلة")), ["ar"]);
    assert_eq!(ids(&catalogue.plain("문학")), ["ko"]);
    assert_eq!(catalogue.plain("紅樓夢").hits[0].brief.original_title.as_deref(), Some("紅樓夢"));
}

#[test]
fn identifiers_are_found_in_every_usual_form() {
    let record = titled("The pragmatic programmer")
        .control("001", "991000123")
        .data("020", ' ', ' ', [('a', "020161622X")])
        .data("022", ' ', ' ', [('a', "0378-5955")])
        .data("035", ' ', ' ', [('a', "(OCoLC)ocm00042345678")]);
    let catalogue = Catalogue::of([document("p", record), document("other", titled("Other"))]);
    for query in [
        "020161622X",
        "0-201-61622-x",
        "9780201616224",
        "978-0-201-61622-4",
        "isbn:020161622X",
        "0378-5955",
        "03785955",
        "(OCoLC)42345678",
        "42345678",
        "991000123",
        "number:991000123",
    ] {
        assert_eq!(ids(&catalogue.plain(query)), ["p"], "{query}");
    }
    assert_eq!(ids(&catalogue.cql("bath.isbn = 0-201-61622-X")), ["p"]);
    assert_eq!(catalogue.plain("9780201616225").total, 0);
}

#[test]
fn exact_title_comes_first_then_words_in_titles_then_names() {
    let catalogue = Catalogue::of([
        document("note", titled("Reading").data("520", ' ', ' ', [('a', "On Emma and emma and Emma.")])),
        document("name", titled("A life").data("100", '1', ' ', [('a', "Emma")])),
        document("longer", titled("Emma and the other Emma")),
        document("exact", titled("Emma")),
    ]);
    let answer = catalogue.plain("emma");
    assert_eq!(ids(&answer)[..2], ["exact", "longer"]);
    assert_eq!(answer.total, 4);
    assert_eq!(ids(&catalogue.cql("title == emma")), ["exact"]);
}

#[test]
fn pages_by_relevance_hold_each_title_once_across_all_tiers() {
    let mut documents: Vec<_> = (0..7)
        .map(|number| document(&format!("title{number}"), titled(&format!("Emma and Harriet {number}"))))
        .collect();
    documents.extend((0..7).map(|number| {
        let record = titled(&format!("Emma {number}")).data("520", ' ', ' ', [('a', "About Harriet.")]);
        document(&format!("note{number}"), record)
    }));
    documents.push(document("exact", titled("Emma Harriet")));
    let catalogue = Catalogue::of(documents);
    let query = plain::parse("emma harriet").unwrap();
    let mut found = Vec::new();
    for offset in (0..15).step_by(4) {
        let search = Search { query: Some(query.clone()), offset, limit: 4, ..Search::default() };
        let answer = catalogue.search(&search);
        assert_eq!(answer.total, 15);
        found.extend(ids(&answer).into_iter().map(str::to_owned));
    }
    assert_eq!(found[0], "exact");
    assert!(found[1..8].iter().all(|id| id.starts_with("title")), "{found:?}");
    assert!(found[8..].iter().all(|id| id.starts_with("note")), "{found:?}");
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 15);
}

#[test]
fn excluded_words_stay_excluded_in_every_field() {
    let catalogue = Catalogue::of([
        document("kept", titled("Emma")),
        document("left", titled("Emma again").data("520", ' ', ' ', [('a', "Knightley.")])),
    ]);
    assert_eq!(ids(&catalogue.cql("emma not knightley")), ["kept"]);
}

#[test]
fn masks_stand_for_letters() {
    let catalogue = Catalogue::of([
        document("a", titled("Library science")),
        document("b", titled("The librarian")),
        document("c", titled("Colour and color")),
    ]);
    assert_eq!(set(&catalogue.plain("librar*")), ["a", "b"]);
    assert_eq!(ids(&catalogue.cql("title = colo?r")), ["c"]);
    assert_eq!(ids(&catalogue.cql("title all \"lib*an the\"")), ["b"]);
}

#[test]
fn boolean_operators_and_relations_of_cql_find_what_they_say() {
    let year = |year: &str| format!("990802s{year}    mau      b    001 0 eng  ");
    let catalogue = Catalogue::of([
        document("a", titled("Red fish").control("008", year("1990"))),
        document("b", titled("Blue fish").control("008", year("1995"))),
        document("c", titled("Red bird").control("008", year("2001"))),
        document("d", titled("Red stone")),
    ]);
    assert_eq!(set(&catalogue.cql("title any \"fish bird\"")), ["a", "b", "c"]);
    assert_eq!(set(&catalogue.cql("title all \"fish red\"")), ["a"]);
    assert_eq!(set(&catalogue.cql("red not (fish or stone)")), ["c"]);
    assert_eq!(set(&catalogue.cql("dc.date >= 1995")), ["b", "c"]);
    assert_eq!(set(&catalogue.cql("date within \"1990 1995\"")), ["a", "b"]);
    assert_eq!(set(&catalogue.cql("date < 1995")), ["a"]);
    assert_eq!(set(&catalogue.plain("year:1990-1999")), ["a", "b"]);
    assert_eq!(catalogue.cql("cql.allRecords = 1").total, 4);
    assert_eq!(ids(&catalogue.cql("red sortby date/sort.descending")), ["c", "a", "d"]);
    assert_eq!(ids(&catalogue.cql("rec.identifier = d")), ["d"]);
}

#[test]
fn results_are_sorted_by_title_without_its_article() {
    let article = Record::builder().data("245", '1', '4', [('a', "The Zebra")]);
    let catalogue =
        Catalogue::of([document("z", article), document("a", titled("Älter werden")), document("m", titled("middle"))]);
    let sorted = |sort| catalogue.search(&Search { sort, ..page() });
    assert_eq!(ids(&sorted(Sort::Title)), ["a", "m", "z"]);
    assert_eq!(ids(&sorted(Sort::TitleDescending)), ["z", "m", "a"]);
}

/// Twelve titles: 8 books of which 2 are French, and 4 films.
fn mixed() -> Catalogue {
    Catalogue::of((0..12).map(|number| {
        let language = if number % 4 == 0 { "fre" } else { "eng" };
        let fixed = format!("990802s{}    mau      b    001 0 {language}  ", 1985 + number);
        let format = if number < 8 { Format::Book } else { Format::Video };
        let agency = if number % 2 == 0 { "EVEN" } else { "ODD" };
        held(&format!("t{number}"), format, agency, titled("Same words").control("008", fixed))
    }))
}

#[test]
fn facets_count_all_results_exactly() {
    let answer = mixed().search(&Search { query: plain::parse("same").ok(), facets: true, limit: 2, ..page() });
    assert_eq!((answer.total, answer.hits.len()), (12, 2));
    let facets = answer.facets.unwrap();
    assert_eq!(facets.formats, [value("book", 8), value("video", 4)]);
    assert_eq!(facets.languages, [value("eng", 9), value("fre", 3)]);
    assert_eq!(facets.agencies, [value("EVEN", 6), value("ODD", 6)]);
    assert_eq!(facets.decades, [value("1990", 7), value("1980", 5)]);
}

#[test]
fn filters_limit_results_and_leave_the_other_values_of_their_facet_visible() {
    let catalogue = mixed();
    let filters = Filters { formats: vec!["book".to_owned()], years: Some(1985..=1990), ..Filters::default() };
    let search = Search { query: plain::parse("same").ok(), filters, facets: true, ..page() };
    let answer = catalogue.search(&search);
    assert_eq!(answer.total, 6);
    assert_eq!(answer.hits.len(), 6);
    let facets = answer.facets.unwrap();
    assert_eq!(facets.formats, [value("book", 6)], "no film is that old");
    assert_eq!(facets.decades, [value("1990", 3), value("1980", 5)], "the years of all books");
    assert_eq!(facets.languages, [value("eng", 4), value("fre", 2)]);
    assert_eq!(catalogue.search(&Search { facets: false, ..search }).total, 6, "counted in either way");

    let both = Filters { languages: vec!["fre".to_owned()], agencies: vec!["odd".to_owned()], ..Filters::default() };
    assert_eq!(catalogue.search(&Search { filters: both, ..page() }).total, 0);
}

#[test]
fn pages_are_disjoint_and_end_at_the_last_hit() {
    let catalogue = mixed();
    let page_at =
        |offset| catalogue.search(&Search { offset, limit: 5, query: plain::parse("same").ok(), ..Search::default() });
    let mut all: Vec<String> = Vec::new();
    for offset in [0, 5, 10] {
        all.extend(page_at(offset).hits.into_iter().map(|hit| hit.id));
    }
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 12);
    assert!(page_at(12).hits.is_empty());
    let far = Search { offset: LAST_HIT, limit: 1, ..Search::default() };
    let error = catalogue.index.search(&far).unwrap_err();
    assert!(matches!(error, Error::TooFar { end, .. } if end == LAST_HIT + 1), "{error}");
}

#[test]
fn search_without_results_is_explained() {
    let catalogue = Catalogue::of([
        document("a", titled("The pragmatic programmer")),
        document("b", titled("Programming pearls").data("650", ' ', '0', [('a', "Algorithms")])),
    ]);
    let advice = catalogue.plain("pragmatc programmer").advice.unwrap();
    assert_eq!(advice.did_you_mean.as_deref(), Some("pragmatic programmer"));
    assert_eq!(advice.conditions.iter().map(|condition| condition.titles).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(advice.explanation, "No title has pragmatc: check the spelling, or leave it out.");

    let advice = catalogue.plain("pragmatic pearls").advice.unwrap();
    assert_eq!(advice.did_you_mean, None);
    assert!(advice.explanation.starts_with("Each condition is met"), "{}", advice.explanation);

    let filters = Filters { languages: vec!["fre".to_owned()], ..Filters::default() };
    let advice = catalogue.search(&Search { query: plain::parse("pearls").ok(), filters, ..page() }).advice.unwrap();
    assert_eq!(advice.explanation, "Without the filters, 1 title is found.");
    assert_eq!(
        Catalogue::of([]).plain("fish").advice.unwrap().explanation,
        "The catalogue is empty: no record has been harvested yet."
    );
}

#[test]
fn misspelt_words_are_corrected_by_distance_and_frequency() {
    let mut documents: Vec<_> =
        (0..3).map(|number| document(&number.to_string(), titled("Shakespeare plays"))).collect();
    documents.push(document("s", titled("Shakespearean")));
    let catalogue = Catalogue::of(documents);
    let corrected = |text: &str| {
        let query = plain::parse(text).unwrap();
        catalogue.index.did_you_mean(&query).unwrap().map(|query| plain::print(&query))
    };
    assert_eq!(corrected("Shakespere").as_deref(), Some("shakespeare"));
    assert_eq!(corrected("shaekspear plays").as_deref(), Some("shakespeare plays"));
    assert_eq!(corrected("shakespeare"), None);
    assert_eq!(corrected("zzzzzz"), None);
    assert_eq!(corrected("abc"), None);
}

#[test]
fn typed_words_are_completed_by_words_that_occur_with_the_others() {
    let catalogue = Catalogue::of([
        document("a", titled("Programming pearls")),
        document("b", titled("Programming language design")),
        document("c", titled("Programme of a party")),
    ]);
    let completed = |text: &str| {
        let completions = catalogue.index.complete(text, 5).unwrap();
        completions.into_iter().map(|completion| (completion.text, completion.titles)).collect::<Vec<_>>()
    };
    assert_eq!(completed("prog"), [("programming".to_owned(), 2), ("programme".to_owned(), 1)]);
    assert_eq!(completed("pearls prog"), [("pearls programming".to_owned(), 1)]);
    assert!(completed("p").is_empty());
    assert!(completed("").is_empty());
}
