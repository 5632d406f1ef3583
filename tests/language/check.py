#!/usr/bin/env python3
"""Checks that code and prose use the terms of docs/glossary.md.

Identifiers are split into words: `tell_of_house`, `TellOfHouse` and `TELL_OF_HOUSE` are the same three. None of the words below may
occur in identifiers of Rust code, in names of tables and columns, in settings, metrics and fields of the API. Prose, which is
comments and Markdown, is searched for a shorter list. Decisions (docs/decisions) stay as they were written.

Prints each place; exits with 1 where there is one.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# One word, in every form of it.
WORDS = {
    form: word
    for word, forms in {
        "told": "told",
        "tells": "tell tells telling untold",
        "heard": "hear hears heard hearing unheard",
        "look": "look looks looked looking",
        "sweep": "sweep sweeps",
        "again": "again",
        "hasten": "hasten hastens hastened",
        "stray": "stray strays",
        "seldom": "seldom",
        "mend": "mend mends mended mending",
        "beside": "beside",
        "house": "house houses",
    }.items()
    for form in forms.split()
}
# Several words in a row.
PHRASES = ["in vain", "by itself", "what is", "that which", "of ours", "goes on", "comes to", "the whole way"]

# What prose is searched for.
PROSE = {"told", "tells", "heard", "sweep", "sweeps", "hasten", "hastens", "hastened", "stray", "strays", "seldom", "mend", "mends", "mended"}
PROSE_PHRASES = ["in vain"]

# Names that others gave, and why they stand.
ALLOWED = {
    "in_house_uses": "Alma counts uses within the library so",
    "register_in_house_use": "a parameter of Alma's scan-in",
}

# Documents that quote old words on purpose.
EXEMPT = ("docs/decisions/", "tests/language/", "data/")

TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<raw>b?r(?P<h>\#*)".*?"(?P=h))|(?P<string>b?"(?:\\.|[^"\\])*")"""
    r"""|(?P<char>b?'(?:\\(?:x[0-9a-fA-F]{2}|u\{[^}]*\}|.)|[^'\\\n])')|(?P<name>[A-Za-z_]\w*)""",
    re.S,
)
# A string that is nothing but a name: a field, a column, a setting, a metric, an event.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[_.][A-Za-z0-9]+)*")
SQL = re.compile(r"\b(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE (?:UNIQUE )?(?:TABLE|INDEX)|ALTER TABLE)\b")


def words(name):
    """`HoldNews` is hold, news."""
    return [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def wrong(name):
    """The private words in a name."""
    if name in ALLOWED:
        return []
    parts = words(name)
    found = [WORDS[part] for part in parts if part in WORDS]
    line = " " + " ".join(parts) + " "
    return found + [phrase for phrase in PHRASES if f" {phrase} " in line]


def wrong_prose(text):
    """The private words in a piece of prose. Code in backticks is code."""
    text = re.sub(r"`[^`\n]*`", " ", text)
    plain = " ".join(re.findall(r"[a-z]+", text.lower()))
    found = [word for word in plain.split() if word in PROSE]
    return found + [phrase for phrase in PROSE_PHRASES if f" {phrase} " in f" {plain} "]


def rust(text):
    """Names and comments of Rust code, each with its line."""
    for match in TOKEN.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match["comment"]:
            yield "prose", match["comment"], line
        elif match["name"]:
            yield "name", match["name"], line
        elif match["string"] or match["raw"]:
            string = re.sub(r'^[br]*#*"|"#*$', "", match["string"] or match["raw"])
            if SQL.search(string):
                for name in re.findall(r"[a-z_]+", re.sub(r"'[^']*'", "", string)):
                    yield "name", name, line
            elif NAME.fullmatch(string) and ("_" in string or "." in string):
                yield "name", string, line


def settings(text):
    """Keys of a TOML file, and its comments."""
    for number, line in enumerate(text.split("\n"), 1):
        code, _, comment = line.partition("#")
        yield "prose", comment, number
        key = re.match(r"\s*\[*([\w.\"-]+)\]*\s*(?:=|$)", code)
        if key:
            yield "name", key[1], number


def markdown(text):
    """Lines, and what stands in backticks and looks like a name."""
    fenced = False
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        if not fenced:
            yield "prose", line, number
        for name in re.findall(r"`([^`\n]+)`", line):
            if NAME.fullmatch(name) and ("_" in name or "::" in name):
                yield "name", name, number


def pieces(path, text):
    if path.endswith(".rs"):
        return rust(text)
    if path.endswith(".sql"):
        return rust(text.replace("--", "//"))
    if path.endswith(".toml"):
        return settings(text)
    return markdown(text)


def glossary():
    """Names in the last column of docs/glossary.md that don't exist."""
    file = ROOT / "docs/glossary.md"
    if not file.is_file():
        return
    sources = {}
    for path in subprocess.run(["git", "ls-files", "*/src/*.rs", "*/src/*.sql"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split():
        crate = path.split("/")[1].replace("-", "_")
        sources[crate] = sources.get(crate, "") + (ROOT / path).read_text(encoding="utf-8") + f"\n// mod {pathlib.Path(path).stem};\n"
    everything = "".join(sources.values())
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
        cells = line.split(" | ")
        if not line.startswith("| ") or len(cells) < 3 or set(line) <= set("|- "):
            continue
        for before, name in re.findall(r"(\w*) ?`([^`]+)`", cells[-1]):
            crate, _, rest = name.partition("::")
            last = rest.split("::")[-1] if rest else name
            where = sources.get(crate, everything)
            if "/" in name:
                known = (ROOT / name).exists() or name.split(" ")[-1] in everything
            elif before == "table":
                known = re.search(rf"CREATE TABLE {name} ", everything)
            else:
                last = last.split(".")[-1]
                known = re.search(rf"\b(fn|struct|enum|type|trait|mod|const) {last}\b|\b{last}(: |,| \{{|\(| =|\")|\"{last}\"", where)
            if not known:
                yield "docs/glossary.md", number, "name", "no such name", name


def main():
    listed = subprocess.run(["git", "ls-files", "*.rs", "*/src/*.sql", "*.toml", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    places = []
    for path in listed.stdout.split("\n"):
        file = ROOT / path
        if not path or path.startswith(EXEMPT) or not file.is_file():
            continue
        for kind, piece, line in pieces(path, file.read_text(encoding="utf-8")):
            found = wrong(piece) if kind == "name" else wrong_prose(piece)
            for word in found:
                places.append((path, line, kind, word, piece.strip()[:100]))
    places += glossary()
    only_names = "--names" in sys.argv[1:]
    counted = "--count" in sys.argv[1:]
    if only_names:
        places = [place for place in places if place[2] == "name"]
    if counted:
        files = {}
        for path, *_ in places:
            files[path] = files.get(path, 0) + 1
        for path, count in sorted(files.items(), key=lambda item: -item[1]):
            print(f"{count:5} {path}")
    else:
        for path, line, kind, word, piece in places:
            print(f"{path}:{line}: {word!r} in {kind}: {piece}")
    if places:
        print(f"{len(places)} places use words that docs/glossary.md and the style guide replace", file=sys.stderr)
        return 1
    print("no private words")
    return 0


if __name__ == "__main__":
    sys.exit(main())
