#!/usr/bin/env python3
"""The rules of the house that a machine can check, over the whole tree.

Each rule is a function that yields its complaints about one file; `MUST_FAIL`
holds a file that breaks it, so that no rule passes for being blind.
"""
import json
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

BUILD = os.environ.get("BUILD", "build")
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Which folders of src/ a folder may include, besides itself. The engine's
# inner ring sees the rest of the world through boundary.h alone: a name that
# ends in .h admits that header, not its folder.
INNER = {"base", "exec", "guest", "ir", "mem", "boundary/boundary.h"}
OUTER = INNER | {"backend", "board", "boundary", "device", "guest/x86",
                 "snapshot"}
MAY_INCLUDE = {
    "base": set(),
    "ir": INNER - {"boundary/boundary.h"},
    "mem": INNER - {"boundary/boundary.h"},
    "exec": INNER | {"host/x86_64"},
    "guest": INNER,
    "guest/x86": INNER | {"panda/cpu.h"}, # the struct that plugins read
    "host/x86_64": INNER,
    # Devices know neither CPU nor record and replay.
    "backend": {"base"},
    "device": {"base", "backend"},
    "boundary": {"base", "exec", "mem", "device/device.h"},
    "board": OUTER,
    "snapshot": INNER | {"boundary", "device/device.h"},
    "monitor": OUTER,
    # Plugins know every CPU and no device.
    "pandalog": {"base", "panda/plog_file.h"},
    "plugin": INNER | {"panda", "pandalog"},
    "cmd": OUTER | {"monitor", "pandalog", "plugin"},
}

# The host's clock and chance reach a guest as recorded inputs only.
NO_CHANCE = {"ir", "mem", "exec", "guest", "guest/x86", "host/x86_64",
             "device", "board"}
CHANCE = re.compile(r"\b(time|s?rand|random|gettimeofday|clock_gettime|"
                    r"getrandom|rdtsc)\s*\(")

LINES = 500

CODE = (".c", ".cpp", ".h", ".hpp", ".def", ".S", ".py", ".sh", ".build")
C = (".c", ".cpp", ".h", ".hpp", ".def")


def is_code(path):
    return path.endswith(CODE) or "." not in os.path.basename(path)


def folder_of(path):
    """The folder within src/ of a path there."""
    return os.path.dirname(path.removeprefix("src/"))


def includes(path, lines):
    """Includes point one way"""
    if not path.endswith(C):
        return
    outside = path.startswith(("plugins/", "include/"))
    if not outside and not path.startswith("src/"):
        return
    own = folder_of(path)
    if not outside and own not in MAY_INCLUDE:
        yield f"{path}: folder {own} is not in MAY_INCLUDE of tests/rules.py"
        return
    for number, line in enumerate(lines, 1):
        match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if not match:
            continue
        header = match[1]
        target = os.path.dirname(header)
        if outside:
            wrong = target in MAY_INCLUDE
        else:
            may = MAY_INCLUDE[own]
            wrong = (target not in may and target not in ("", own) and
                     header not in may)
        if wrong:
            yield f"{path}:{number}: may not include {header}"


def chance(path, lines):
    """No clock and no chance inside the machine"""
    if path.startswith("src/") and folder_of(path) in NO_CHANCE:
        for number, line in enumerate(lines, 1):
            match = CHANCE.search(line)
            if match and not line.lstrip().startswith(("*", "/*")):
                yield f"{path}:{number}: {match[1]}(): not known to a replay"


def columns(path, lines):
    """80 columns; not of what guests and manuals write, nor of pictures"""
    if path.endswith((".qemu", ".out", ".svg", "surface/blocks.txt")):
        return
    for number, line in enumerate(lines, 1):
        long = len(line) > 80 and "://" not in line
        if long and not (path.endswith(".md") and line.startswith("|")):
            yield f"{path}:{number}: {len(line)} columns"


def length(path, lines):
    """No file of code over 500 lines"""
    if is_code(path) and len(lines) > LINES:
        yield f"{path}: {len(lines)} lines, more than {LINES}: split it"


def form(path, lines):
    """No tabs, no blanks at the end of a line"""
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield f"{path}:{number}: blanks at the end of the line"
        if "\t" in line and not path.endswith(("Makefile", ".mk")):
            yield f"{path}:{number}: a tab"
    if lines and not lines[-1]:
        yield f"{path}: empty lines at the end"


def notes(path, lines):
    """No notes to self"""
    word = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
    for number, line in enumerate(lines, 1):
        if word.search(line):
            yield f"{path}:{number}: {word.search(line)[1]}: do it or plan it"


def places(path, lines):
    """No path of one machine"""
    here = re.compile(r"(?<![\w.])/(home|work|Users)/\w|" + re.escape(TOP))
    for number, line in enumerate(lines, 1):
        if here.search(line):
            yield f"{path}:{number}: a path of one machine: {line.strip()}"


MUST_FAIL = {
    includes: ("src/device/x.c", '#include "exec/cpu.h"'),
    chance: ("src/mem/x.c", "    return time(NULL);"),
    columns: ("README.md", "x" * 81),
    length: ("src/mem/x.c", "\n" * LINES),
    form: ("src/mem/x.c", "int x; "),
    notes: ("src/mem/x.c", "/* TO" "DO: all */"),
    places: ("README.md", f"see {TOP}/x"),
}


def refuses(path):
    """A header that only says why it is not here"""
    with open(path) as file:
        return file.read().startswith("#error")


def stands_alone(files):
    """Every header stands on its own"""
    with open(f"{BUILD}/compile_commands.json") as file:
        commands = json.load(file)
    words = next(shlex.split(c["command"]) for c in commands
                 if c["output"].startswith("tests/test_run.p/"))
    flags = [w for w in words if w.startswith(("-I", "-D", "-std", "-W"))]
    compiler = words[:next(i for i, w in enumerate(words) if w[0] == "-")]

    blind = f"{BUILD}/stands_alone.h"
    with open(blind, "w") as file:
        file.write("uint64_t missing;\n")

    def compile_one(path):
        done = subprocess.run(
            compiler + flags + ["-Ix86_64-softmmu", # what is generated
                                "-DTARGET_X86_64", "-fsyntax-only", "-x", "c",
                                "-include", os.path.join(TOP, path),
                                os.devnull],
            cwd=BUILD, text=True, capture_output=True)
        return done.stderr if done.returncode else ""

    if not compile_one(blind):
        yield "the rule does not see a missing header"
    headers = [f for f in files if f.endswith(".h") and
               f.startswith(("src/", "tests/", "include/")) and
               not refuses(f)]
    with ThreadPoolExecutor(2) as pool:
        for path, wrong in zip(headers, pool.map(compile_one, headers)):
            if wrong:
                yield f"{path} needs another header first:\n{wrong}"


def formatted(files):
    """C as .clang-format has it"""
    code = [f for f in files if f.endswith((".c", ".h", ".cpp", ".hpp"))]
    command = ["clang-format", "--dry-run", "-Werror"]
    blind = f"{BUILD}/formatted.c"
    with open(blind, "w") as file:
        file.write("int  x;\n")
    if not subprocess.run(command + [blind], capture_output=True).returncode:
        yield "the rule does not see two blanks"
    done = subprocess.run(command + code, text=True, capture_output=True)
    for line in done.stderr.splitlines():
        if "clang-format-violations" in line:
            yield f"{line.split(' error:')[0]} run clang-format -i"


def tree():
    """Every text file of the tree: what is not ignored, committed or not."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached",
         "--others", "--exclude-standard"], text=True, capture_output=True)
    if listed.returncode == 0:
        return sorted(f for f in set(listed.stdout.split("\0"))
                      if os.path.isfile(f))
    found = []
    for folder, folders, names in os.walk("."):
        folders[:] = [f for f in folders if not f.startswith((".", "build"))]
        found += [os.path.join(folder, n)[2:] for n in names]
    return sorted(found)


def main():
    os.chdir(TOP)
    files = tree()
    texts = {}
    wrong = {rule: [] for rule in MUST_FAIL}
    for path in files:
        with open(path, "rb") as file:
            text = file.read()
        if b"\0" in text:
            continue
        try:
            texts[path] = text.decode()
        except UnicodeDecodeError:
            wrong[form].append(f"{path}: not UTF-8")
            continue
        if text and not text.endswith(b"\n"):
            wrong[form].append(f"{path}: no end of line at the end")
    for rule, (path, text) in MUST_FAIL.items():
        if not list(rule(path, text.split("\n"))):
            wrong[rule].append(f"the rule does not see: {text.strip()}")
        for path, text in texts.items():
            wrong[rule] += rule(path, text.removesuffix("\n").split("\n"))
    wrong[stands_alone] = list(stands_alone(files))
    wrong[formatted] = list(formatted(files))

    failed = 0
    for rule, complaints in wrong.items():
        for complaint in complaints:
            print(f"FAILED {complaint}")
        if not complaints:
            print(f"ok     {rule.__doc__}")
        failed += len(complaints)
    print(f"{sum(not c for c in wrong.values())} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
