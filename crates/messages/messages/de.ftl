# Die Sätze, die eine Nutzerin oder ein Nutzer liest. Sie nennen keine Person. Argumente:
#   $place  der Name des Abholorts
#   $date   der Tag, an dem die Ausleihe endet

checking-account = Ihre Bibliothek prüft Ihr Konto.
searching = Wir suchen eine Bibliothek, die Ihnen das Medium leihen kann.
asked = Eine Bibliothek wurde gebeten, Ihnen das Medium zu leihen.
queued = Das Medium ist verliehen. Sie erhalten es, sobald es zurück ist.
on-its-way = Das Medium ist unterwegs zum Abholort { $place }.
delayed = Das Medium ist unterwegs zum Abholort { $place } und braucht länger als üblich.
arrived = Das Medium ist am Abholort { $place } angekommen und wird für Sie vorbereitet.
ready = Das Medium liegt am Abholort { $place } für Sie bereit.
missing-at-pickup = Das Medium ist am Abholort { $place } angekommen und dort nicht auffindbar. Es wird gesucht.
lent = Sie haben das Medium ausgeliehen. Bitte geben Sie es rechtzeitig zurück.
lent-until = Sie haben das Medium ausgeliehen. Bitte geben Sie es bis zum { $date } zurück.
renewed-until = Ihre Ausleihe ist verlängert. Bitte geben Sie das Medium bis zum { $date } zurück.
renewal-refused = Die Ausleihe kann nicht verlängert werden. Bitte geben Sie das Medium rechtzeitig zurück.
renewal-refused-until = Die Ausleihe kann nicht verlängert werden. Bitte geben Sie das Medium bis zum { $date } zurück.
recalled = Die Bibliothek, der das Medium gehört, benötigt es. Bitte geben Sie es bald zurück.
overdue = Die Leihfrist ist abgelaufen. Bitte geben Sie das Medium jetzt zurück.
lost = Das Medium gilt als verloren. Bitte wenden Sie sich an den Abholort { $place }.
claimed-returned = Sie haben gemeldet, dass Sie das Medium zurückgegeben haben. Es wird am Abholort { $place } gesucht.
going-home = Sie haben das Medium zurückgegeben. Vielen Dank.
no-library = Zurzeit kann Ihnen keine Bibliothek das Medium leihen.
at-own-library = Ihre eigene Bibliothek hat das Medium und bearbeitet Ihre Bestellung.
cancelled-by-patron = Ihre Bestellung ist auf Ihren Wunsch storniert.
cancelled = Ihre Bestellung ist storniert. Bitte fragen Sie Ihre Bibliothek, falls Sie den Grund nicht kennen.
no-longer-needed = Das Medium konnte nicht bis zu dem Tag kommen, bis zu dem Sie es brauchen. Ihre Bestellung ist beendet.
ended-supplied = Sie hatten das Medium und haben es zurückgegeben. Ihre Bestellung ist beendet.
ended-not-collected = Das Medium wurde nicht rechtzeitig abgeholt und geht zurück.
ended-lost = Das Medium ist verloren. Bitte fragen Sie Ihre Bibliothek, falls Sie es noch brauchen.
ended = Ihre Bestellung ist beendet. Bitte fragen Sie Ihre Bibliothek, falls Sie das Medium noch brauchen.

# Gründe, aus denen nicht ausgeliehen werden darf.
account-unknown = Ihre Bibliothek kennt diesen Ausweis nicht. Bitte wenden Sie sich an das Personal.
account-inactive = Ihr Bibliothekskonto ist nicht aktiv. Bitte wenden Sie sich an Ihre Bibliothek.
account-expired = Ihr Bibliotheksausweis ist abgelaufen. Bitte lassen Sie ihn in Ihrer Bibliothek verlängern.
account-blocked = Ihr Bibliothekskonto ist gesperrt. Bitte wenden Sie sich an Ihre Bibliothek.
account-cannot-borrow = Mit Ihrem Konto ist keine Ausleihe möglich. Bitte wenden Sie sich an Ihre Bibliothek.
account-of-other-library = Sie gehören zu einer anderen Bibliothek als der gewählten. Bitte wählen Sie Ihre eigene.
account-without-library = Aus Ihrem Konto geht nicht hervor, zu welcher Bibliothek Sie gehören. Bitte wenden Sie sich an das Personal.
account-loan-limit = Sie haben so viele Ausleihen, wie Ihre Bibliothek erlaubt. Bitte geben Sie ein Medium zurück und bestellen Sie dann erneut.
account-request-limit = Sie haben in Ihrer Bibliothek so viele Bestellungen, wie sie erlaubt. Bitte versuchen Sie es erneut, wenn eine beendet ist.
account-overdue = Sie haben überfällige Medien. Bitte geben Sie sie zurück oder verlängern Sie sie, und bestellen Sie dann erneut.
account-fees = Sie haben offene Gebühren in Ihrer Bibliothek. Bitte bezahlen Sie sie und bestellen Sie dann erneut.
account-type-unknown = Ihre Bibliothek kann die Bestellung für Sie noch nicht annehmen. Bitte wenden Sie sich an das Personal.
too-many-requests = Sie haben so viele laufende Bestellungen, wie Ihre Bibliothek erlaubt. Bitte versuchen Sie es erneut, wenn eine beendet ist.
requested-already = Sie haben dieses Medium bereits bestellt.
choose-another-place = Bitte wählen Sie einen anderen Abholort.

# Fehler einer Bestellung.
give-your-card = Bitte melden Sie sich an oder geben Sie die Nummer Ihres Bibliotheksausweises an.
item-not-lent = Dieses Medium kann zurzeit nicht aus einer anderen Bibliothek entliehen werden.
title-not-in-catalogue = Dieser Titel ist nicht mehr im Katalog. Bitte suchen Sie ihn erneut.
item-at-your-library = Ihre eigene Bibliothek hat dieses Medium. Bitte bestellen Sie es dort.
library-does-not-borrow = Ihre Bibliothek entleiht zurzeit nichts aus anderen Bibliotheken.
choose-a-later-date = Bitte wählen Sie ein späteres Datum.
account-not-checked = Ihre Bibliothek antwortet zurzeit nicht. Sie können trotzdem bestellen.
ask-staff = Ihre Bibliothek konnte die Bestellung nicht annehmen. Bitte wenden Sie sich an das Personal.
