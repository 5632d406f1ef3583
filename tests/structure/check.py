#!/usr/bin/env python3
"""Finds circles among the modules of a crate.

Two top-level modules of a crate that need each other can still be read together; four or more have become one room. An edge is each
`crate::` or `super::` path outside tests, in a `use` or in the code. Circles between crates can't exist: Cargo refuses them.

  tests/structure/check.py [--edges CRATE]
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LARGEST = 3


def without_tests(text):
    """The source without its `#[cfg(test)]` items, comments and strings."""
    text = re.sub(r"//[^\n]*", "", text)
    text = re.sub(r'"(\\.|[^"\\])*"', '""', text)
    kept, at = [], 0
    for found in re.finditer(r"#\[cfg\((all\()?test", text):
        if found.start() < at:
            continue
        kept.append(text[at:found.start()])
        brace, semicolon = text.find("{", found.end()), text.find(";", found.end())
        if brace == -1 or (semicolon != -1 and semicolon < brace):
            at = (semicolon if semicolon != -1 else len(text) - 1) + 1
            continue
        depth, at = 0, brace
        while at < len(text):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
            if depth == 0:
                break
    kept.append(text[at:])
    return "".join(kept)


def module_path(file, source):
    parts = list(file.relative_to(source).with_suffix("").parts)
    if parts[-1] in ("mod", "lib", "main"):
        parts.pop()
    return parts


def groups(text):
    """The first names of the paths in `{a, b::c}` at the beginning of `text`."""
    depth, names, word = 0, [], ""
    for letter in text:
        if letter == "{":
            depth += 1
        elif letter == "}":
            depth -= 1
        if depth == 0:
            break
        if depth == 1 and letter in "{,":
            names.append("")
        elif depth == 1 and names:
            names[-1] += letter
    return [re.match(r"\s*(\w*)", name).group(1) for name in names]


def edges_of(crate):
    source = crate / "src"
    files = [file for file in source.rglob("*.rs") if "bin" not in file.relative_to(source).parts[:1]]
    modules = {module_path(file, source)[0] for file in files if module_path(file, source)}
    edges = {}
    for file in files:
        here = module_path(file, source)
        if not here:
            continue
        text = without_tests(file.read_text())
        for found in re.finditer(r"\b(crate|(?:super::)*super)::", text):
            rest = text[found.end():]
            names = groups(rest) if rest.startswith("{") else [re.match(r"\w*", rest).group(0)]
            up = 0 if found.group(1) == "crate" else found.group(1).count("super")
            base = [] if up == 0 else here[:-up] if up <= len(here) else []
            for name in names:
                to = base[0] if base else name
                if to in modules and to != here[0]:
                    edges.setdefault(here[0], {}).setdefault(to, str(file.relative_to(ROOT)))
    return edges


def circles(edges):
    """Tarjan's strongly connected components."""
    index, low, stack, on, found, count = {}, {}, [], set(), [], [0]

    def visit(node):
        index[node] = low[node] = count[0]
        count[0] += 1
        stack.append(node)
        on.add(node)
        for to in edges.get(node, {}):
            if to not in index:
                visit(to)
                low[node] = min(low[node], low[to])
            elif to in on:
                low[node] = min(low[node], index[to])
        if low[node] == index[node]:
            component = set()
            while True:
                last = stack.pop()
                on.discard(last)
                component.add(last)
                if last == node:
                    break
            if len(component) > 1:
                found.append(component)

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return found


def main():
    crates = sorted(path.parent for path in ROOT.glob("crates/*/Cargo.toml")) + [ROOT / "bench"]
    if sys.argv[1:2] == ["--edges"]:
        for module, to in sorted(edges_of(ROOT / "crates" / sys.argv[2]).items()):
            print(module, "->", ", ".join(sorted(to)))
        return 0
    failed = False
    for crate in crates:
        edges = edges_of(crate)
        for component in circles(edges):
            if len(component) > LARGEST:
                failed = True
                print(f"{crate.name}: {len(component)} modules are one circle: {', '.join(sorted(component))}")
                for module in sorted(component):
                    for to, file in sorted(edges.get(module, {}).items()):
                        if to in component:
                            print(f"    {module} -> {to} ({file})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
