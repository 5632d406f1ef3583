"""Asks the example hub of crates/web by clients of SRU that this project didn't write. Fails at the first wrong answer."""

import shutil
import subprocess
import sys

import sruthi

url = sys.argv[1]


def check(claim, what):
    if not claim:
        sys.exit(f"tests/sru: {what}")


def with_sruthi():
    described = sruthi.explain(url)
    check(described.server["host"] == "127.0.0.1", f"the server is {described.server}")
    check("dc" in described.schema, f"the schemas are {list(described.schema)}")
    check("title" in described.index["dc"], f"the indexes are {described.index}")
    # The client follows nextRecordPosition through three pages.
    records = sruthi.searchretrieve(url, query='dc.title = "fish 魚"', maximum_records=10)
    check(records.count == 25, f"25 titles match, and {records.count} were counted")
    check(len({str(record["controlfield"]) for record in records}) == 25, "some titles came twice")
    one = sruthi.searchretrieve(url, query="dc.creator = mueller and dc.date = 1953", record_schema="dc")
    check(one.count == 1, f"{one.count} titles of 1953")
    check(one[0]["title"] == "Volume 3 of fish & 魚", f"the title is {one[0]}")
    try:
        sruthi.searchretrieve(url, query="colour = red")
        check(False, "a wrong index was accepted")
    except sruthi.errors.SruError as error:
        check("colour" in str(error), f"the diagnostic is {error}")


def with_yaz():
    commands = f"open {url}\nsru get 1.2\nfind dc.title=volume\nshow 1+2\nquit\n"
    done = subprocess.run(["yaz-client"], input=commands, capture_output=True, text=True, timeout=20, check=False)
    check("Number of hits: 25" in done.stdout, f"yaz-client wrote {done.stdout}")
    check("Volume" in done.stdout, f"yaz-client wrote {done.stdout}")


with_sruthi()
asked = ["sruthi"]
if shutil.which("yaz-client"):
    with_yaz()
    asked.append("yaz-client")
print(f"SRU answers {' and '.join(asked)}")
