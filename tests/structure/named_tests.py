"""Checks that every test and function that the documents name exists.

A document names one in backquotes, as `module::name`, with three words or more in the name.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = ["docs/security.md", "docs/requirements.md", "docs/reliability.md", "docs/personal-data.md"]
NAMED = re.compile(r"`(?:[a-z_0-9]+::)+([a-z0-9]+(?:_[a-z0-9]+){2,})`")
# A function, a module, or a line of a macro that makes tests, as `name: what it does`.
DEFINED = re.compile(r"\b(?:fn|mod)\s+([a-z_0-9]+)|^ {4}([a-z_0-9]+): [A-Z]", re.MULTILINE)


def main():
    defined = set()
    for path in [*ROOT.glob("crates/**/*.rs"), *ROOT.glob("bench/**/*.rs")]:
        found = DEFINED.findall(path.read_text(encoding="utf-8"))
        defined.update(name for pair in found for name in pair)
        defined.add(path.stem)
    missing = []
    for document in map(ROOT.joinpath, DOCUMENTS):
        if document.exists():
            names = NAMED.findall(document.read_text(encoding="utf-8"))
            missing += [f"{document.relative_to(ROOT)}: there is no {name}" for name in names if name not in defined]
    print("\n".join(missing))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
