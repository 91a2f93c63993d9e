#!/usr/bin/env python3
"""The manual tells of every option and monitor command, and of no other, and
of each header that is refused; links between documents lead somewhere."""

import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "shared"))

import checks  # noqa: E402

MANUAL = os.path.join(checks.TOP, "docs/manual")
KERNEL = os.path.join(checks.TOP, "build/guest/vmlinuz")


def page(path):
    with open(path) as file:
        return file.read()


def first_columns(name):
    """The first words of what stands as code where the rows of a page's
    tables begin."""
    columns = re.findall(r"^\| (`.*?) \| ", page(f"{MANUAL}/{name}"), re.M)
    return {code.split()[0] for column in columns
            for code in re.findall(r"`([^`]+)`", column)}


def run(arguments, typed=""):
    return subprocess.run([checks.PANDA] + arguments, input=typed, text=True,
                          capture_output=True, timeout=60).stdout


def same(told, written, what):
    detail = "".join([f"not in the manual: {', '.join(sorted(told - written))}"
                      if told - written else "",
                      f" not in the program: "
                      f"{', '.join(sorted(written - told))}"
                      if written - told else ""])
    checks.expect(told and told == written, what, detail)


def options():
    told = set(re.findall(r"^  (-[\w-]+)", run(["-help"]), re.M))
    written = {word for word in first_columns("options.md")
               if word.startswith("-")}
    same(told, written, f"{len(told)} options")


def monitor():
    out = run(["-S", "-kernel", KERNEL, "-serial", "null", "-monitor",
               "stdio"], "help\ninfo\nquit\n")
    lines = re.findall(r"^(?:\(qemu\) )?(\S.*?)(?: -- |$)", out, re.M)
    told = set()
    for line in lines:
        words = line.split()
        if words and words[0] == "info" and words[1:2] != ["[TOPIC]"]:
            told.add(words[1])
        elif words and words[0] != "(qemu)":
            told.update(words[0].split("/FMT")[0].split("|"))
    same(told, first_columns("monitor.md"), f"{len(told)} monitor commands "
         "and topics")


def links():
    pages = subprocess.run(["git", "-c", "safe.directory=*", "ls-files",
                            "*.md"], cwd=checks.TOP, text=True,
                           capture_output=True).stdout.split()
    wrong, count = [], 0
    for name in pages:
        folder = os.path.dirname(os.path.join(checks.TOP, name))
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)",
                                 page(os.path.join(checks.TOP, name))):
            count += 1
            if not os.path.exists(os.path.join(folder, target)):
                wrong.append(f"{name}: {target}")
    checks.expect(not wrong, f"{count} links between documents", wrong)


def refused():
    """Headers that only say no; two of PANDA's folders as a whole."""
    headers = subprocess.run(
        ["grep", "-rlE", "^#error", "include"], cwd=checks.TOP, text=True,
        capture_output=True).stdout.split()
    text = page(f"{MANUAL}/compatibility.md")
    first = {"panda_plugin_plugin.h", "panda_qemu_plugin_helpers.h",
             "panda_rr.h", "rr_log_all.h"} # "and others"
    names = {os.path.basename(h) for h in headers
             if not re.search(r"compat/(io|migration)/", h)}
    missing = {n for n in names - first - {"types.h"} if n not in text}
    checks.expect(len(names) > 10 and not missing, f"{len(names)} headers "
                  "that are refused", missing)


options()
monitor()
refused()
links()
checks.end()
