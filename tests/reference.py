#!/usr/bin/env python3
"""The reference of the plugin interface tells of every callback and of every
function that plugins can call; one without a description is named."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "shared"))
from checks import BUILD, PANDA, TOP, end, expect

INCLUDE = f"{TOP}/include"


def make(out, *more):
    return subprocess.run([f"{TOP}/scripts/plugin-reference", "-o", out, *more],
                          text=True, stdout=subprocess.PIPE, timeout=120,
                          stderr=subprocess.STDOUT)


def text_of(path):
    with open(path) as file:
        return file.read()


# -- What there is, found in other ways than the reference's ------------------


def callbacks():
    """Number, enumerator and member, as the preprocessor has them."""
    out = subprocess.run(
        ["cc", "-E", "-P", "-xc", "-DPANDA_CALLBACK(n,N,m,...)=@n|N|m|",
         "-DPANDA_CALLBACK_NONE=PANDA_CALLBACK",
         f"{INCLUDE}/panda/callbacks.def"],
        text=True, check=True, stdout=subprocess.PIPE).stdout
    return [[w.strip() for w in row.split("|")[:3]]
            for row in out.split("@")[1:]]


def functions():
    """What the program exports and the headers name, and what these define."""
    code = "".join(re.sub(r"/\*.*?\*/", "", text_of(path), flags=re.S)
                   for path in glob.glob(f"{INCLUDE}/panda/**/*.h*",
                                         recursive=True))
    words = set(re.findall(r"\w+", code))
    exported = subprocess.run(["nm", "-D", "--defined-only", PANDA], text=True,
                              check=True, stdout=subprocess.PIPE).stdout
    found = set(re.findall(r" [TBDRVW] (\w+)$", exported, re.M)) & words
    found |= set(re.findall(r"^(?:PPP_EXPORT_ )?static inline [\w *]*?(\w+)\(",
                            code, re.M))
    return {name for name in found if not name.endswith("_")}


# -- What the reference says ---------------------------------------------------


def described(text):
    """Each name that a block of code declares, with what is said of it."""
    found = {}
    for block, words in re.findall(
            r"((?:^    .*\n)+)\n((?:(?!#|    )\S.*\n)+)", text, re.M):
        for name in re.findall(r"(\w+)(?=[(;\[])", block):
            found[name] = words
    return found


def main():
    with tempfile.TemporaryDirectory() as folder:
        done = make(f"{folder}/reference.md")
        expect(done.returncode == 0, "it is made", done.stdout)
        text = text_of(f"{folder}/reference.md")
        told = described(text)
        rows = callbacks()
        expect(len(rows) == 51 and [int(r[0]) for r in rows] == list(range(51)),
               "51 callbacks", rows)
        missing = [m for n, name, m in rows
                   if f"### {m}\n\n`PANDA_CB_{name}`, number {n}\n" not in text
                   or len(told.get(m, "").split()) < 2]
        expect(not missing, "a description of each", missing)
        names = functions()
        missing = [n for n in sorted(names)
                   if len(told.get(n, "").split()) < 3]
        expect(len(names) > 120 and not missing,
               f"and of {len(names)} functions and variables", missing)
        wide = [line for line in text.split("\n") if len(line) > 80]
        expect(not wide, "in 80 columns", wide)
        built = f"{BUILD}/reference.md"
        expect(os.path.exists(built) and text_of(built) == text,
               "the build makes it, too", built)

        copy = f"{folder}/include"
        shutil.copytree(INCLUDE, copy)
        gone = {"panda/callbacks.def": "PANDA_CALLBACK(27, ",
                "panda/common.h": "target_ulong panda_current_sp(",
                "panda/plog-cc.hpp": "    void seek("}
        for path, what in gone.items():
            code = text_of(f"{copy}/{path}")
            at = code.index(what)
            begin = code.rindex("/*", 0, at)
            with open(f"{copy}/{path}", "w") as file:
                file.write(code[:begin] + "\n" + code[at:])
        done = make(f"{folder}/none.md", "--include", copy)
        expect(done.returncode == 1 and
               not os.path.exists(f"{folder}/none.md") and
               all(name in done.stdout for name in
                   ("asid_changed", "panda_current_sp", "PandaLog::seek")) and
               len(done.stdout.splitlines()) == 4,
               "what has no description is named", done.stdout)
    end()


main()
