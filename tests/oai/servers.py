"""Two OAI-PMH servers that others wrote, each on a port of its own, over the same invented records."""

import datetime
import http.server
import threading
import urllib.parse

import oai_repo
from lxml import etree
from oaipmh import common, error, metadata, server

MARC = "http://www.loc.gov/MARC21/slim"
BEGIN = datetime.datetime(2024, 5, 6, 7, 0, 0)
COUNT = 23


class Record:
    """Record N has the datestamp of the Nth minute; every fifth is deleted, and every other one is in the set."""

    def __init__(self, number):
        self.number = number
        self.identifier = f"oai:peer:{number}"
        self.datestamp = BEGIN + datetime.timedelta(minutes=number)
        self.deleted = number % 5 == 4
        self.sets = ["even"] if number % 2 == 0 else []

    def element(self):
        root = etree.Element(f"{{{MARC}}}record", nsmap={"m": MARC} if self.number % 3 else {None: MARC})
        field = etree.SubElement(root, f"{{{MARC}}}datafield", tag="245", ind1="0", ind2="0")
        etree.SubElement(field, f"{{{MARC}}}subfield", code="a").text = f"Títle <{self.number}> & more"
        return root


RECORDS = [Record(number) for number in range(COUNT)]


def chosen(since=None, until=None, spec=None):
    def plain(at):
        return at.replace(tzinfo=None) if at else at

    since, until = plain(since), plain(until)
    return [
        record
        for record in RECORDS
        if (since is None or record.datestamp >= since)
        and (until is None or record.datestamp <= until)
        and (spec is None or spec in record.sets)
    ]


class Data(oai_repo.DataInterface):
    """The records for oai_repo, which has no deleted ones: it writes no status into its headers."""

    limit = 6

    def __init__(self, url, granularity):
        self.url, self.granularity = url, granularity

    def stamp(self, at):
        return at.strftime("%Y-%m-%d" if "T" not in self.granularity else "%Y-%m-%dT%H:%M:%SZ")

    def get_identify(self):
        identify = oai_repo.Identify()
        identify.repository_name = "Peer & co"
        identify.base_url = self.url
        identify.admin_email = ["peer@example.org"]
        identify.earliest_datestamp = self.stamp(BEGIN)
        identify.deleted_record = "persistent"
        identify.granularity = self.granularity
        return identify

    def is_valid_identifier(self, identifier):
        return any(record.identifier == identifier for record in RECORDS)

    def get_metadata_formats(self, identifier=None):
        return [oai_repo.MetadataFormat("marc21", "http://www.loc.gov/standards/marcxml/schema/MARC21slim.xsd", MARC)]

    def find(self, identifier):
        return next(record for record in RECORDS if record.identifier == identifier)

    def get_record_header(self, identifier):
        record = self.find(identifier)
        header = oai_repo.RecordHeader()
        header.identifier, header.datestamp = record.identifier, self.stamp(record.datestamp)
        header.setspecs = record.sets
        return header

    def get_record_metadata(self, identifier, metadataprefix):
        return self.find(identifier).element()

    def get_record_abouts(self, identifier):
        return []

    def list_set_specs(self, identifier=None, cursor=0):
        return (["even"], 1, None) if cursor == 0 else ([], 1, None)

    def get_set(self, setspec):
        return oai_repo.Set(spec="even", name="Even numbers", description=[])

    def list_identifiers(self, metadataprefix, filter_from=None, filter_until=None, filter_set=None, cursor=0):
        records = [record.identifier for record in chosen(filter_from, filter_until, filter_set)]
        return records[cursor : cursor + self.limit], len(records), None


class Peer:
    """The records for oaipmh."""

    def __init__(self, url):
        self.url = url

    def answer(self, record):
        header = common.Header(None, record.identifier, record.datestamp, record.sets, record.deleted)
        return header, None if record.deleted else record, None

    def getRecord(self, metadataPrefix, identifier):
        for record in RECORDS:
            if record.identifier == identifier:
                return self.answer(record)
        raise error.IdDoesNotExistError(identifier)

    def identify(self):
        return common.Identify(
            "Peer & co", self.url, "2.0", ["peer@example.org"], BEGIN, "persistent", "YYYY-MM-DDThh:mm:ssZ", ["identity"]
        )

    def listIdentifiers(self, metadataPrefix, set=None, from_=None, until=None):
        return [self.answer(record)[0] for record in chosen(from_, until, set)]

    def listRecords(self, metadataPrefix, set=None, from_=None, until=None):
        return [self.answer(record) for record in chosen(from_, until, set)]

    def listMetadataFormats(self, identifier=None):
        return [("marc21", "http://www.loc.gov/standards/marcxml/schema/MARC21slim.xsd", MARC)]

    def listSets(self):
        return [("even", "Even numbers", None)]


def registry():
    found = metadata.MetadataRegistry()
    found.registerWriter("marc21", lambda element, record: element.append(record.element()))
    return found


def serve(respond):
    """Starts a server that answers with `respond(url, arguments)`; returns it and its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            arguments = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query, keep_blank_values=True))
            body = respond(url, arguments)
            self.send_response(200)
            self.send_header("Content-Type", "text/xml; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    url = f"http://127.0.0.1:{listener.server_address[1]}/oai"
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    return listener, url


def with_oai_repo(granularity):
    def respond(url, arguments):
        return bytes(oai_repo.OAIRepository(Data(url, granularity)).process(arguments))

    return serve(respond)


def with_oaipmh():
    def respond(url, arguments):
        return server.Server(Peer(url), registry(), resumption_batch_size=6).handleRequest(arguments)

    return serve(respond)
