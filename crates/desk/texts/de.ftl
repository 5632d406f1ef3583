# Der Rahmen jeder Seite
brand = Consort, erste Seite
skip = Zum Inhalt
menu = Menü
agency = Bibliothek
all-agencies = Alle meine Bibliotheken
find = Bestellung, Barcode oder Titel suchen
find-short = Bestellung, Barcode oder Titel
account-menu = , Kontomenü
theme-dark = Dunkle Farben verwenden
theme-light = Helle Farben verwenden
sign-out = Abmelden
nav-main = Hauptmenü
nav-work = Arbeit
nav-lending = Verleihen
nav-borrowing = Entleihen
as-of = Stand { $time }
changed-show = Etwas hat sich geändert. Änderungen zeigen
go-back = Zurück ohne Änderung
to-first-page = Zur ersten Seite

# Anmelden
sign-in = Anmelden
sign-in-title = An der Theke anmelden
sign-in-local = Lokales Konto
account-name = Kontoname
password = Passwort
password-repeated = Passwort, noch einmal
totp = Code aus Ihrer Authenticator-App
totp-help = Nur wenn Sie eine eingerichtet haben.
sign-in-wrong = Name, Passwort oder Code ist falsch.
sign-in-wait = Es gab zu viele falsche Versuche. Sie können es in { $seconds ->
    [one] einer Sekunde
   *[other] { $seconds } Sekunden
 } noch einmal versuchen.
sign-in-wrong-wait = Name, Passwort oder Code ist falsch. Sie können es in { $seconds ->
    [one] einer Sekunde
   *[other] { $seconds } Sekunden
 } noch einmal versuchen.
sign-in-program = Dieses Konto gehört einem Programm. Es hat keine Seiten.
first-run = Das erste Konto anlegen
first-run-why = Dieser Hub hat noch keine Konten. Das erste verwaltet den Verbund und legt alle weiteren an.
first-run-code = Einmal-Code
first-run-code-help = Der Hub schreibt ihn beim Start in sein Protokoll.
first-run-wrong-code = Das ist nicht der Code dieses Hubs. Jeder Start des Hubs macht einen neuen.
first-run-name-help = Verläufe zeigen ihn als Handelnden. Buchstaben, Ziffern und die Zeichen . _ : -
first-run-bad-name = Erlaubt sind 1 bis 64 Buchstaben, Ziffern und die Zeichen . _ : -
first-run-password-help = Mindestens { $shortest } Zeichen.
first-run-bad-password = Das Passwort braucht mindestens { $shortest } Zeichen.
first-run-differs = Die beiden Passwörter sind verschieden.
first-run-make = Konto anlegen

# Fehler
error-foreign-form = Dieses Formular kam nicht von der Theke
error-foreign-form-detail = Ihre Sitzung ist vielleicht zu Ende, oder eine andere Website hat das Formular gesendet. Nichts wurde geändert. Öffnen Sie die Seite noch einmal.
error-unreadable-form = Dieses Formular ist nicht lesbar
error-unreadable-form-detail = Nichts wurde geändert. Öffnen Sie die Seite noch einmal.
error-missing = Hier ist nichts
error-missing-detail = Die Seite gibt es nicht, oder sie gehört einer anderen Bibliothek.
error-forbidden = Das dürfen Sie nicht
error-refused = Das wurde abgelehnt
error-internal = Der Hub kann diese Seite jetzt nicht zeigen
error-internal-detail = Nichts wurde geändert. Versuchen Sie es in einer Minute noch einmal. Das Protokoll des Hubs sagt den Grund.

# Listen
lending-what = Exemplare Ihrer Bibliotheken, die andere bestellt haben
borrowing-what = Exemplare, die Ihre Benutzer bestellt haben
views = Ansichten
view-open = Alle offenen
view-decide = Entscheidung nötig
view-waiting = Wartet bei der gebenden Bibliothek
view-transit = Unterwegs
view-shelf = Im Abholregal
view-loan = Ausgeliehen
view-returning = Auf dem Rückweg
filter = Filter
filter-title = Titel enthält
apply-filters = Filter anwenden
filtered-by = Gefiltert nach
chip-title = Titel enthält „{ $title }“
chip-remove = Filter entfernen
sort = Reihenfolge
sort-newest = Neueste zuerst
sort-oldest = Älteste zuerst
sort-changed = Zuletzt geänderte zuerst
sort-unchanged = Am längsten unveränderte zuerst
sort-title = Titel
rows-total = { $count ->
    [one] Eine Bestellung
   *[other] { $count } Bestellungen
 }
nothing-to-do = Nichts zu tun
nothing-to-do-why = Bestellungen erscheinen hier, sobald es welche gibt.
nothing-found = Nichts gefunden
nothing-found-why = Versuchen Sie weniger Wörter oder eine andere Ansicht.
col-request = Bestellung
col-title = Titel, Band und Standort
col-to = An
col-from = Von
col-status = Status
col-since = Seit
pages = Seiten
page-first = Erste Seite
page-next = Nächste Seite
keys-rows = nächste, vorige Zeile
keys-open = Bestellung öffnen
keys-find = suchen

# Eine Bestellung
request-number = Bestellung { $number }
title-unknown = Titel noch nicht bekannt
placed = Bestellt
needed-until = Gebraucht bis { $day }
more-actions = Weitere Aktionen
what-should-happen = Was soll geschehen?
this-will = Das bewirkt
undo-possible = Die letzte Aktion kann zurückgenommen werden, bis der Hub sie an eine Bibliothek gesendet hat.
undo-until-sent = Sie können das zurücknehmen, bis der Hub es an eine Bibliothek gesendet hat.
undo-never = Sie können das nicht zurücknehmen.
since = Seit { $time }
next-try = nächster Versuch { $time }
damage = Schaden: { $words }
sides-title = Was das System jeder Bibliothek jetzt sagt
side-lender = Gebende Bibliothek
side-borrower = Nehmende Bibliothek
side-pickup = Abholbibliothek
fact-item = Exemplar
fact-virtual-item = Virtuelles Exemplar
fact-hold = Vormerkung
fact-loan = Ausleihe
fact-barcode = Barcode
fact-patron = Benutzer
fact-pickup-code = Code im Abholregal
fact-pickup = Abholbibliothek
fact-agency = Bibliothek des Benutzers
fact-card = Bibliotheksausweis
fact-place = Wo das Exemplar ist
fact-refusal = Warum es scheiterte
fact-cancelled = Storniert von
fact-id = Nummer der Bestellung
timeline = Verlauf
timeline-what = Alle Seiten, Neuestes zuerst
about-request = Über diese Bestellung
why-this-copy = Warum dieses Exemplar
left-out = Ausgelassen
earlier-lenders = Frühere gebende Bibliotheken
col-copy = Exemplar
col-reason = Ergebnis
changed-meanwhile = Die Bestellung hat sich geändert, seit Sie diese Seite geöffnet haben. Gehen Sie zurück, sehen Sie sie an und entscheiden Sie neu.
reason = Grund
reason-help = Der Verlauf zeigt ihn allen Bibliotheken dieser Bestellung. Nennen Sie den Benutzer nicht.
new-pickup = Neue Abholbibliothek
damage-what = Was beschädigt ist
settle-how = Wie ist der Verlust geregelt?
settle-paid = Er wurde bezahlt
settle-written-off = Er wird abgeschrieben
party-item = Exemplar
party-patron = Benutzer

# Status
status-decision-needed = Entscheidung nötig
status-SUBMITTED_TO_DCB = Bestellt
status-PATRON_VERIFIED = Benutzer geprüft
status-RESOLVED = Exemplar gewählt
status-REQUEST_PLACED_AT_SUPPLYING_AGENCY = Angefragt
status-CONFIRMED = Wartet bei der gebenden Bibliothek
status-REQUEST_PLACED_AT_BORROWING_AGENCY = Wartet bei der gebenden Bibliothek
status-REQUEST_PLACED_AT_PICKUP_AGENCY = Wartet bei der gebenden Bibliothek
status-PICKUP_TRANSIT = Unterwegs
status-RECEIVED_AT_PICKUP = Angekommen
status-READY_FOR_PICKUP = Im Abholregal
status-LOANED = Ausgeliehen
status-RETURN_TRANSIT = Auf dem Rückweg
status-COMPLETED = Abgeschlossen
status-CANCELLED = Storniert
status-NOT_SUPPLIED_CURRENT_SUPPLIER = Nächste Bibliothek
status-NO_ITEMS_SELECTABLE_AT_ANY_AGENCY = Kein Exemplar übrig
status-HANDED_OFF_AS_LOCAL = An eigene Bibliothek übergeben
status-FINALISED = Geschlossen
condition-overdue = Überfällig
condition-recalled = Zurückgefordert
condition-renewal_refused = Verlängerung abgelehnt
condition-lost = Verloren
condition-claimed_returned = Rückgabe behauptet
condition-missing_in_transit = Auf dem Weg verschollen
condition-missing_at_pickup = In der Abholbibliothek verschollen
condition-out_of_sequence = Außer der Reihe
condition-left_to_staff = Dem Personal überlassen
item-in_place = Am Standort
item-requested = Bestellt
item-in_transit = Unterwegs
item-on_hold_shelf = Im Abholregal
item-on_loan = Ausgeliehen
item-lost = Verloren
item-claimed_returned = Rückgabe behauptet
item-missing = Vermisst
item-unavailable = Nicht verfügbar
item-absent = Nicht im System
item-not-made = Noch nicht angelegt
hold-none = Keine
hold-not_started = Wartet auf das Personal
hold-in_process = In Bearbeitung
hold-on_hold_shelf = Im Abholregal
hold-gone = Nicht mehr da
hold-closed-as = Beendet: { $closure }
loan-none = Keine
loan-returned = Zurückgegeben
loan-open = Ausgeliehen
loan-until = Ausgeliehen bis { $day }
waits-for-lending_library = Als Nächstes: die gebende Bibliothek
waits-for-pickup_library = Als Nächstes: die Abholbibliothek
waits-for-patron = Als Nächstes: der Benutzer
waits-for-lender_system = Das System der gebenden Bibliothek antwortet nicht
waits-for-borrower_system = Das System der nehmenden Bibliothek antwortet nicht
waits-for-pickup_system = Das System der Abholbibliothek antwortet nicht

# Aktionen
action-poll = Bibliotheken jetzt fragen
action-resume = Noch einmal versuchen
action-cancel = Bestellung stornieren
action-next_supplier = Nächste Bibliothek anfragen
action-choose_supplier = Andere Bibliothek wählen
action-change_pickup = Abholbibliothek ändern
action-report_found = Exemplar als gefunden melden
action-report_damage = Schaden melden
action-settle_loss = Verlust regeln
action-end = Bestellung von Hand beenden
action-undo = Letzte Aktion zurücknehmen
will-resume-lender = Wiederholt das Abgelehnte, wenn es hier abgelehnt wurde
will-resume-borrower = Wiederholt das Abgelehnte, wenn es hier abgelehnt wurde
will-resume-patron = Keine Nachricht
will-cancel-lender = Storniert die Vormerkung des Exemplars, ohne Brief
will-cancel-borrower = Storniert die Vormerkung und entfernt das virtuelle Exemplar
will-cancel-patron = Die Bestellung endet; kein Brief der gebenden Bibliothek
will-next_supplier-lender = Storniert die Vormerkung dieses Exemplars und fragt die nächste Bibliothek
will-next_supplier-borrower = Behält die Vormerkung des Benutzers
will-next_supplier-patron = Keine Nachricht
will-change_pickup-borrower = Verlegt die Vormerkung in die neue Abholbibliothek
will-change_pickup-lender = Nennt die neue Abholbibliothek im Kommentar der Vormerkung
will-change_pickup-patron = Keine Nachricht, bis das Exemplar im neuen Regal steht
will-report_found-lender = Verfolgt das Exemplar weiter, von dort, wo es ist
will-report_damage-lender = Vermerkt den Schaden an der Bestellung; in Alma ändert sich nichts
will-settle_loss-lender = Schließt den Fall des verlorenen Exemplars
will-settle_loss-patron = Die Bestellung endet
will-undo-lender = Nimmt zurück, was noch nicht gesendet wurde

# Ereignisse des Verlaufs
event-placed = Die Bestellung wurde aufgegeben
event-patron_verified = Der Benutzer darf ausleihen
event-patron_refused = Der Benutzer darf nicht ausleihen
event-copies_found = Exemplare wurden gefunden
event-supplier_chosen = Ein Exemplar wurde gewählt
event-candidate_unfit = Ein Exemplar kann nicht verliehen werden
event-virtual_patron_ready = Der virtuelle Benutzer ist bereit
event-hold_placed = Die Vormerkung wurde gesetzt
event-virtual_bib_created = Der unterdrückte Datensatz wurde angelegt
event-virtual_holding_created = Sein Bestandssatz wurde angelegt
event-virtual_item_ready = Das virtuelle Exemplar ist bereit
event-pickup_changed = Die Abholbibliothek wurde geändert
event-sent_into_transit = Das virtuelle Exemplar wurde auf den Weg geschickt
event-lent = Das Exemplar wurde verliehen
event-renewed = Die Ausleihe wurde verlängert
event-due_date_limited = Das Fristende wurde dem der gebenden Bibliothek angeglichen
event-due_date_raised = Das Fristende wurde hinausgeschoben
event-renewal_denied = Die Verlängerung wurde abgelehnt
event-hold_cancelled = Die Vormerkung wurde storniert
event-hold_cancelled_after_dispatch = Die Vormerkung wurde nach dem Versand storniert
event-checked_in = Die Ausleihe wurde geschlossen
event-virtual_item_deleted = Das virtuelle Exemplar wurde entfernt
event-virtual_bib_deleted = Der unterdrückte Datensatz wurde entfernt
event-effect_dropped = Ein Schritt war nicht mehr nötig
event-effect_refused = Das System der Bibliothek hat abgelehnt
event-effect_delayed = Das System der Bibliothek hat nicht geantwortet; Consort versucht es weiter
event-poll_failed = Das System der Bibliothek konnte nicht gefragt werden
event-deadline_passed = Eine Frist ist abgelaufen
event-observed = Das System der Bibliothek zeigte eine Änderung
event-cancel_requested = Die Bestellung wurde storniert
event-next_supplier_requested = Eine andere Bibliothek wurde gewünscht
event-pickup_change_requested = Eine andere Abholbibliothek wurde gewünscht
event-resume_requested = Es wurde noch einmal versucht
event-item_found = Das Exemplar wurde gefunden
event-damage_reported = Ein Schaden wurde gemeldet
event-loss_settled = Der Verlust wurde geregelt
event-end_requested = Die Bestellung wurde von Hand beendet
event-undo_requested = Die letzte Aktion wurde zurückgenommen

# Suche, und Bestellungen für Benutzer
nav-search = Suchen und bestellen
nav-walk-up = Mitnehmen
catalogue = Katalog
search-what = Titel, Verfasser oder ISBN
search-now = Katalog durchsuchen
facets = Ergebnis einschränken
facet-format = Medienart
facet-language = Sprache
facet-library = Bibliothek
titles-total = { $count ->
    [one] Ein Titel
   *[other] { $count } Titel
 }
did-you-mean = Nach „{ $words }“ suchen
show-copies = Exemplare zeigen
choose-title = Für Benutzer bestellen
page-previous = Vorige Seite
copy-available = Am Standort
copy-lent = Ausgeliehen
copy-lent-until = Ausgeliehen bis { $day }
copy-not-lendable = Nicht ausleihbar
copy-unknown = Jetzt keine Antwort
no-copies = Keine Exemplare
place-title = Für einen Benutzer bestellen
patrons-card = Ausweis des Benutzers
pick-up-at = Abholen in
wanted-volume = Band
wanted-volume-help = Nur bei einem Titel in mehreren Bänden, etwa Bd. 3.
needed-by = Gebraucht bis
show-terms = Benutzer und Exemplare prüfen
place-now = Für den Benutzer bestellen
terms = Was der Benutzer erwarten kann
terms-may-borrow = Der Benutzer darf ausleihen.
terms-may-borrow-as = Der Benutzer darf ausleihen, als { $kind }.
terms-may-not-borrow = Der Benutzer darf nicht ausleihen.
terms-unknown = Die Bibliothek des Benutzers antwortet jetzt nicht.
terms-others = { $count ->
    [one] und ein weiteres Exemplar
   *[other] und { $count } weitere Exemplare
 }
terms-ready = Bereit
terms-days = { $count ->
    [one] nach etwa einem Tag
   *[other] nach etwa { $count } Tagen
 }
days = { $count ->
    [one] ein Tag
   *[other] { $count } Tage
 }
terms-loan = Ausleihe
terms-cost = Kosten
terms-free = Kostenlos
walk-up-what = Ein Benutzer einer anderen Bibliothek ist mit einem Ihrer Bücher hier
walk-up-barcode = Barcode des Buches
walk-up-desk = Ihre Theke
walk-up-will = Consort prüft den Benutzer in seiner eigenen Bibliothek und verleiht das Buch sofort.
walk-up-now = Buch an Benutzer verleihen
walk-up-no-desk = Ihre Bibliothek hat keine Theke für Benutzer anderer
walk-up-no-desk-why = Ein Administrator legt sie als Abholort an.

# Zettel
nav-slips = Zettel
slips-kinds = Arten von Zetteln
slips-pull = Aushebezettel
slips-transit = Versandzettel
slips-band = Banderolen
slips-shelf = Liste des Abholregals
slips-count = { $count ->
    [one] Einer zu drucken
   *[other] { $count } zu drucken
 }
slips-more = Das sind die ältesten 200. Drucken Sie sie und öffnen Sie diese Seite dann noch einmal.
slips-none-why = Ein Zettel erscheint hier, wenn eine Bestellung einen braucht.
slip-place = Standort
slip-return-to = Zurück an
slip-for = Für
print = Drucken
