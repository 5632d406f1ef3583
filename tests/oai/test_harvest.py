"""The harvester against servers that others wrote."""

import os
import subprocess

import pytest

import servers

SECONDS = "YYYY-MM-DDThh:mm:ssZ"


@pytest.fixture(scope="module", params=["oai_repo", "oai_repo with days", "oaipmh"])
def peer(request):
    """A server's URL, whether its datestamps are days, and whether it has deleted records."""
    days = request.param.endswith("days")
    if request.param == "oaipmh":
        listener, url = servers.with_oaipmh()
    else:
        listener, url = servers.with_oai_repo("YYYY-MM-DD" if days else SECONDS)
    yield url, days, request.param == "oaipmh"
    listener.shutdown()


def harvest(url, *options):
    done = subprocess.run(
        [os.environ["HARVEST"], url, "marc21", *options], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()], done.stderr


def numbers(rows):
    return [int(row[0].rsplit(":", 1)[1]) for row in rows]


def test_everything_is_harvested_page_by_page(peer):
    """23 records on pages of six: each once, with datestamp, deletions and sets."""
    url, days, deletes = peer
    rows, log = harvest(url)
    assert numbers(rows) == list(range(servers.COUNT))
    assert log.count("page") == 4 and "set aside" not in log
    for record, (_, stamp, size, sets) in zip(servers.RECORDS, rows):
        expected = record.datestamp.strftime("%Y-%m-%dT00:00:00Z" if days else "%Y-%m-%dT%H:%M:%SZ")
        assert stamp == expected
        deleted = record.deleted and deletes
        assert (size == "deleted") == deleted
        assert deleted or int(size) > 100
        assert sets == ",".join(record.sets)


def test_headers_are_listed(peer):
    """ListIdentifiers gives the same identifiers."""
    rows, _ = harvest(peer[0], "--headers")
    assert numbers(rows) == list(range(servers.COUNT))


def test_window_has_both_ends(peer):
    """from and until are part of the window, in the precision of the server."""
    url, days, _ = peer
    if days:
        window, expected = ("2024-05-06T07:03:00Z", "2024-05-07T00:00:00Z"), range(servers.COUNT)
    else:
        window, expected = ("2024-05-06T07:03:00Z", "2024-05-06T07:08:00Z"), range(3, 9)
    rows, _ = harvest(url, "--from", window[0], "--until", window[1])
    assert numbers(rows) == list(expected)


def test_set_is_harvested_alone(peer):
    """A set has its records only."""
    rows, _ = harvest(peer[0], "--set", "even")
    assert numbers(rows) == list(range(0, servers.COUNT, 2))


def test_nothing_new_is_no_failure(peer):
    """A window without records ends well."""
    rows, log = harvest(peer[0], "--from", "2098-01-01T00:00:00Z")
    assert rows == [] and "complete: true" in log


def test_repository_is_described(peer):
    """Identify, ListSets, ListMetadataFormats and GetRecord are understood."""
    url, days, deletes = peer
    assert harvest(url, "--identify")[0] == [["Peer & co", "Day" if days else "Second", "Persistent"]]
    assert harvest(url, "--sets")[0] == [["even", "Even numbers"]]
    assert harvest(url, "--formats")[0][0][::2] == ["marc21", servers.MARC]
    assert harvest(url, "--record", "oai:peer:3")[0][0][0] == "oai:peer:3"
    assert (harvest(url, "--record", "oai:peer:4")[0][0][2] == "deleted") == deletes
    assert harvest(url, "--record", "oai:peer:99")[0] == [["unknown"]]


def test_unknown_set_or_format_is_refused_with_the_servers_words(peer):
    """A protocol error ends the harvest with its code."""
    done = subprocess.run([os.environ["HARVEST"], peer[0], "no-such"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "cannotDisseminateFormat" in done.stderr
