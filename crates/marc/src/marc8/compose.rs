//! Composes letters with diacritics in Unicode's composed form (NFC), for the marks that MARC-8 has.
//!
//! Source: Unicode Character Database, canonical decompositions and combining classes.

/// A mark, and pairs of a base character and its composition with the mark.
type Mark = (char, &'static str);

const MARKS: [Mark; 23] = [
    (
        '\u{300}',
        "AÀEÈIÌNǸOÒUÙWẀYỲaàeèiìnǹoòuùwẁyỳÂẦÊỀÔỒÜǛâầêềôồüǜĂẰăằĒḔēḕŌṐōṑƠỜơờƯỪưừΑᾺΕῈΗῊΙῚΟῸΥῪΩῺαὰεὲηὴιὶοὸυὺωὼϊῒϋῢЕЀИЍеѐиѝἀἂἁἃἈἊἉἋἐἒἑἓἘἚἙἛἠἢἡἣἨἪἩἫἰἲἱἳἸἺἹἻὀὂὁὃὈὊὉὋὐὒὑὓὙὛὠὢὡὣὨὪὩὫ",
    ),
    (
        '\u{301}',
        "AÁCĆEÉGǴIÍKḰLĹMḾNŃOÓPṔRŔSŚUÚWẂYÝZŹaácćeégǵiíkḱlĺmḿnńoópṕrŕsśuúwẃyýzźÂẤÅǺÆǼÇḈÊẾÏḮÔỐÕṌØǾÜǗâấåǻæǽçḉêếïḯôốõṍøǿüǘĂẮăắĒḖēḗŌṒōṓŨṸũṹƠỚơớƯỨưứΑΆΕΈΗΉΙΊΟΌΥΎΩΏαάεέηήιίοόυύωώϊΐϋΰГЃКЌгѓкќἀἄἁἅἈἌἉἍἐἔἑἕἘἜἙἝἠἤἡἥἨἬἩἭἰἴἱἵἸἼἹἽὀὄὁὅὈὌὉὍὐὔὑὕὙὝὠὤὡὥὨὬὩὭ",
    ),
    ('\u{302}', "AÂCĈEÊGĜHĤIÎJĴOÔSŜUÛWŴYŶZẐaâcĉeêgĝhĥiîjĵoôsŝuûwŵyŷzẑẠẬạậẸỆẹệỌỘọộ"),
    ('\u{303}', "AÃEẼIĨNÑOÕUŨVṼYỸaãeẽiĩnñoõuũvṽyỹÂẪÊỄÔỖâẫêễôỗĂẴăẵƠỠơỡƯỮưữ"),
    ('\u{304}', "AĀEĒGḠIĪOŌUŪYȲaāeēgḡiīoōuūyȳÄǞÆǢÕȬÖȪÜǕäǟæǣõȭöȫüǖǪǬǫǭȦǠȧǡȮȰȯȱΑᾹΙῙΥῩαᾱιῑυῡИӢУӮиӣуӯḶḸḷḹṚṜṛṝ"),
    ('\u{306}', "AĂEĔGĞIĬOŎUŬaăeĕgğiĭoŏuŭȨḜȩḝΑᾸΙῘΥῨαᾰιῐυῠАӐЕӖЖӁИЙУЎаӑеӗжӂийуўẠẶạặ"),
    ('\u{307}', "AȦBḂCĊDḊEĖFḞGĠHḢIİMṀNṄOȮPṖRṘSṠTṪWẆXẊYẎZŻaȧbḃcċdḋeėfḟgġhḣmṁnṅoȯpṗrṙsṡtṫwẇxẋyẏzżŚṤśṥŠṦšṧṢṨṣṩ"),
    ('\u{308}', "AÄEËHḦIÏOÖUÜWẄXẌYŸaäeëhḧiïoötẗuüwẅxẍyÿÕṎõṏŪṺūṻΙΪΥΫιϊυϋІЇАӒЕЁЖӜЗӞИӤОӦУӰЧӴЫӸЭӬаӓеёжӝзӟиӥоӧуӱчӵыӹэӭії"),
    ('\u{309}', "AẢEẺIỈOỎUỦYỶaảeẻiỉoỏuủyỷÂẨÊỂÔỔâẩêểôổĂẲăẳƠỞơởƯỬưử"),
    ('\u{30A}', "AÅUŮaåuůwẘyẙ"),
    ('\u{30B}', "OŐUŰoőuűУӲуӳ"),
    ('\u{30C}', "AǍCČDĎEĚGǦHȞIǏKǨLĽNŇOǑRŘSŠTŤUǓZŽaǎcčdďeěgǧhȟiǐjǰkǩlľnňoǒrřsštťuǔzžÜǙüǚ"),
    ('\u{313}', "ΑἈΕἘΗἨΙἸΟὈΩὨαἀεἐηἠιἰοὀρῤυὐωὠ"),
    ('\u{314}', "ΑἉΕἙΗἩΙἹΟὉΡῬΥὙΩὩαἁεἑηἡιἱοὁρῥυὑωὡ"),
    ('\u{323}', "AẠBḄDḌEẸHḤIỊKḲLḶMṂNṆOỌRṚSṢTṬUỤVṾWẈYỴZẒaạbḅdḍeẹhḥiịkḳlḷmṃnṇoọrṛsṣtṭuụvṿwẉyỵzẓƠỢơợƯỰưự"),
    ('\u{324}', "UṲuṳ"),
    ('\u{325}', "AḀaḁ"),
    ('\u{326}', "SȘTȚsștț"),
    ('\u{327}', "CÇDḐEȨGĢHḨKĶLĻNŅRŖSŞTŢcçdḑeȩgģhḩkķlļnņrŗsştţ"),
    ('\u{328}', "AĄEĘIĮOǪUŲaąeęiįoǫuų"),
    ('\u{32E}', "HḪhḫ"),
    ('\u{342}', "αᾶηῆιῖυῦωῶϊῗϋῧἀἆἁἇἈἎἉἏἠἦἡἧἨἮἩἯἰἶἱἷἸἾἹἿὐὖὑὗὙὟὠὦὡὧὨὮὩὯ"),
    (
        '\u{345}',
        "ΑᾼΗῌΩῼάᾴήῄαᾳηῃωῳώῴἀᾀἁᾁἂᾂἃᾃἄᾄἅᾅἆᾆἇᾇἈᾈἉᾉἊᾊἋᾋἌᾌἍᾍἎᾎἏᾏἠᾐἡᾑἢᾒἣᾓἤᾔἥᾕἦᾖἧᾗἨᾘἩᾙἪᾚἫᾛἬᾜἭᾝἮᾞἯᾟὠᾠὡᾡὢᾢὣᾣὤᾤὥᾥὦᾦὧᾧὨᾨὩᾩὪᾪὫᾫὬᾬὭᾭὮᾮὯᾯὰᾲὴῂὼῲᾶᾷῆῇῶῷ",
    ),
];

/// Returns whether MARC-8 writes the character before the one that it joins. The superscript alef (U+0670) comes after
/// it.
pub(super) fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{345}' | '\u{5B0}'..='\u{5BD}' | '\u{5BF}' | '\u{5C1}' | '\u{64B}'..='\u{652}'
        | '\u{FB1E}' | '\u{FE20}'..='\u{FE23}')
}

/// Returns the canonical combining class of a mark of MARC-8. Marks of Hebrew and Arabic have classes of their own, in
/// the order of their codes.
fn class(mark: char) -> u32 {
    let code = u32::from(mark);
    match mark {
        '\u{5B0}'..='\u{5B9}' => 10 + code - 0x5B0,
        '\u{5BB}' | '\u{5BC}' => 20 + code - 0x5BB,
        '\u{5BF}' => 23,
        '\u{5C1}' => 24,
        '\u{FB1E}' => 26,
        '\u{64B}'..='\u{652}' => 27 + code - 0x64B,
        '\u{327}' | '\u{328}' => 202,
        '\u{31C}' | '\u{323}'..='\u{326}' | '\u{32E}' | '\u{332}' | '\u{333}' => 220,
        '\u{315}' => 232,
        '\u{345}' => 240,
        _ => 230,
    }
}

/// Appends a character and its marks, composed as far as Unicode has characters for them.
pub(super) fn push_composed(text: &mut String, base: char, marks: &mut Vec<char>) {
    marks.sort_by_key(|mark| class(*mark));
    let mut composed = base;
    let mut left: Vec<char> = Vec::new();
    for mark in marks.drain(..) {
        // A mark that is left over separates the base from later marks of its own class.
        let hidden = left.last().is_some_and(|last| class(*last) == class(mark));
        match compose(composed, mark).filter(|_| !hidden) {
            Some(both) => composed = both,
            None => left.push(mark),
        }
    }
    text.push(composed);
    text.extend(left);
}

fn compose(base: char, mark: char) -> Option<char> {
    let (_, pairs) = MARKS.iter().find(|(own, _)| *own == mark)?;
    pairs_of(pairs).find(|(from, _)| *from == base).map(|(_, both)| both)
}

/// Returns the letter under a letter's diacritic.
pub(super) fn decompose(letter: char) -> Option<char> {
    MARKS.iter().flat_map(|(_, pairs)| pairs_of(pairs)).find(|(_, both)| *both == letter).map(|(base, _)| base)
}

fn pairs_of(pairs: &'static str) -> impl Iterator<Item = (char, char)> {
    pairs.chars().step_by(2).zip(pairs.chars().skip(1).step_by(2))
}
