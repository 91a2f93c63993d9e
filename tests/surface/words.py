"""Is every name of the interface used by a plugin of tests/plugin_sources?"""
import glob
import os
import re

from checks import TOP, expect

HERE = os.path.join(TOP, "tests/surface")
# Names that a source may define for itself: not at rest in comments or text.
NOISE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)
INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^">]+)[">]', re.M)


def offered(word, cache={}):
    """Does a header of ours have the word?"""
    if not cache:
        cache["text"] = "".join(
            open(path).read() for end in ("h", "hpp", "def") for path in
            glob.glob(f"{TOP}/include/**/*.{end}", recursive=True))
    return re.search(rf"\b{word}\b", cache["text"])


def callbacks():
    """Enumerators and members, of the engine's table."""
    with open(os.path.join(TOP, "include/panda/callbacks.def")) as file:
        text = file.read()
    rows = re.findall(r"^PANDA_CALLBACK\w*\(\d+,\s*(\w+),\s*(\w+),", text, re.M)
    return [name for row in rows for name in ("PANDA_CB_" + row[0], row[1])]


def listed():
    names = []
    with open(os.path.join(HERE, "identifiers.txt")) as file:
        wanted = True
        for line in file:
            if line.startswith("["):
                awaits = re.search(r"awaits (\S+)\]", line)
                wanted = not awaits or bool(offered(awaits[1]))
                names += callbacks() if "@callbacks" in line else []
            elif not line.startswith("#") and wanted:
                names += line.split()
    return names


def exceptions():
    with open(os.path.join(HERE, "exceptions.txt")) as file:
        text = re.sub(r"^#.*\n", "", file.read(), flags=re.M)
    reasons = {}
    for names, reason in re.findall(r"^([^\s].*):\n  (\S.*)$", text, re.M):
        reasons.update(dict.fromkeys(names.split(), reason))
    return reasons


def used():
    words = set()
    for path in glob.glob(f"{TOP}/tests/plugin_sources/**/*", recursive=True):
        if path.endswith((".c", ".cpp", ".h")):
            with open(path) as file:
                text = file.read()
            words.update(INCLUDE.findall(text))
            words.update(re.findall(r"\w+", NOISE.sub(" ", text)))
    return words


def check():
    names, reasons, words = listed(), exceptions(), used()
    expect(len(names) > 500 and len(set(names)) > 450, "a list of names",
           len(names))
    missing = [n for n in names if n not in words and n not in reasons]
    expect(not missing, f"{len(names) - len(reasons)} names are used by a "
           "plugin of the tests", " ".join(missing))
    known = set(names)
    expect(known.issuperset(reasons), "exceptions are of listed names",
           set(reasons) - known)
    with open(os.path.join(TOP, "docs/manual/compatibility.md")) as file:
        page = set(re.findall(r"[\w./-]+", file.read()))
    told = [n for n in reasons if n in page or n.isupper() or
            n.startswith(("migration/", "io/")) or os.path.basename(n) in
            {os.path.basename(p) for p in page if p.endswith(".h")}]
    expect(len(told) == len(reasons), "the compatibility page has them all",
           set(reasons) - set(told))
    stale = [n for n in reasons if n in words]
    expect(not stale, f"{len(reasons)} exceptions are needed", stale)
