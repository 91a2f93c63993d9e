"""table.txt against docs/manual/compatibility.md: each sentence of the page has
a row, each row a sentence, and the tests that a row names are there."""
import os
import re

from checks import TOP

SECTIONS = ("Prototypes and names", "Blocks", "insn_translate",
            "Calls in blocks", "pc and count", "Memory",
            "Results and steering", "Requests and endings",
            "Arguments and loading", "Pandalogs",
            "Accepted, without effect")

shown = set() # what tests/rulings.py has looked at


def sentences():
    with open(f"{TOP}/docs/manual/compatibility.md") as file:
        parts = re.split(r"^## (.*)\n", file.read(), flags=re.M)
    titles = dict(zip(parts[1::2], parts[2::2]))
    for title in SECTIONS:
        for text in re.split(r"\n\n|\n(?=- )", titles[title]):
            text = " ".join(text.split()).removeprefix("- ")
            yield from (s for s in re.split(r"(?<=[.:]) (?=[A-Z`])", text)
                        if s)


def rows():
    """How a sentence begins: [(file, words)]."""
    found, now = {}, None
    with open(f"{TOP}/tests/rulings/table.txt") as file:
        for line in file:
            if line.startswith("    "):
                now.append(tuple(line.strip().split(": ", 1)))
            elif line.strip() and line[0] != "#":
                now = found.setdefault(line.strip(), [])
    return found


def is_there(file, words):
    path = os.path.join(TOP, file)
    if file == "tests/rulings.py":
        return any(words in text for text in shown)
    if not os.path.exists(path):
        return False
    with open(path) as text:
        return words in text.read()


def check(expect):
    table, texts = rows(), list(sentences())
    without = [s for s in texts if not any(s.startswith(r) for r in table)]
    expect(len(texts) > 50 and not without,
           f"{len(texts)} sentences of the compatibility page have tests",
           "\n".join(without))
    stale = [r for r in table
             if sum(s.startswith(r) for s in texts) != 1 or not table[r]]
    expect(not stale, "each row is one of them", "\n".join(stale))
    missing = [(r, *test) for r, tests in table.items() for test in tests
               if not is_there(*test)]
    expect(not missing, "and the tests are there", missing)
