"""Harvests a repository with sickle, reads the records with pymarc and stores them in SQLite: URL FILE. Prints its figures as JSON."""

import io
import json
import resource
import sqlite3
import sys
import time

import pymarc
from sickle import Sickle
from sickle.iterator import OAIResponseIterator
from lxml import etree

OAI = "{http://www.openarchives.org/OAI/2.0/}"

url, file = sys.argv[1:]
begun = time.monotonic()
database = sqlite3.connect(file)
database.execute("PRAGMA journal_mode = WAL")
database.execute("CREATE TABLE record (id TEXT PRIMARY KEY, datestamp TEXT, title TEXT, isbn TEXT, marc BLOB)")
records = failed = 0
for page in OAIResponseIterator(Sickle(url), {"verb": "ListRecords", "metadataPrefix": "marc21"}):
    rows = []
    for element in page.xml.iter(OAI + "record"):
        identifier = element.findtext(f"{OAI}header/{OAI}identifier")
        datestamp = element.findtext(f"{OAI}header/{OAI}datestamp")
        metadata = element.find(OAI + "metadata")
        try:
            text = etree.tostring(metadata[0])
            record = pymarc.parse_xml_to_array(io.BytesIO(text))[0]
            rows.append((identifier, datestamp, record.title, record.isbn, record.as_marc()))
        except Exception:
            failed += 1
    database.executemany("INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?)", rows)
    database.commit()
    records += len(rows)
used = resource.getrusage(resource.RUSAGE_SELF)
print(
    json.dumps(
        {
            "records": records,
            "failed": failed,
            "seconds": time.monotonic() - begun,
            "cpu_seconds": used.ru_utime + used.ru_stime,
        }
    )
)
