#!/usr/bin/env python3
"""NAME:help of each plugin of the tree tells its arguments, all that its
README.md has, and does nothing else: it leaves no file, and nothing runs."""
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "shared"))
from build_plugin import build_plugin
from checks import PANDA, TOP, end, expect

WANTS = """
#include "panda/plugin.h"
bool init_plugin(void *self);
void uninit_plugin(void *self);
bool init_plugin(void *self)
{
    (void)self;
    panda_require("coverage");
    panda_require("stringsearch");
    panda_parse_bool_opt(panda_get_args("wants"), "much", "or little");
    return true;
}
void uninit_plugin(void *self)
{
    (void)self;
}
"""


def plugins():
    with open(f"{TOP}/plugins/config.panda") as file:
        return [name for line in file if (name := line.split("#")[0].strip())]


def documented(name):
    """The arguments in the table of README.md."""
    with open(f"{TOP}/plugins/{name}/README.md") as file:
        table = re.search(r"^\| argument .*\n(\|.*\n)+", file.read(), re.M)
    return set(re.findall(r"^\| `(\w+)", table[0], re.M)) if table else set()


def help_of(name):
    """What it printed: arguments and their texts; and all that is wrong."""
    before = set(os.listdir("."))
    done = subprocess.run(
        [PANDA, "-replay", "none", "-panda",
         f"{name}:help"], text=True, timeout=60, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wrong = [] if done.returncode == 0 else [f"status {done.returncode}"]
    wrong += sorted(set(os.listdir(".")) - before)
    if done.stderr != f"PANDA[{name}]:adding argument help.\n":
        wrong.append(done.stderr)
    rows = re.findall(rf"^{name} +(\w+) +(Optional|Required) +(.+)$",
                      done.stdout, re.M)
    return {row[0]: row[2] for row in rows}, wrong


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["PANDA_PLUGIN_DIR"] = folder
        for name in plugins():
            told, wrong = help_of(name)
            expect(not wrong, f"{name}:help tells and does nothing else",
                   wrong)
            absent = {key for key, text in told.items()
                      if text.startswith("not in this version")}
            expect(set(told) - absent == documented(name),
                   f"its {len(told) - len(absent)} arguments, as in README.md",
                   (told, documented(name)))
        build_plugin(folder, "wants", WANTS)
        told, wrong = help_of("wants")
        expect(set(told) == {"much"} and not wrong,
               "nor do those that are required", (told, wrong))
    end()


main()
