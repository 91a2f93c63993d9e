#!/usr/bin/env python3
"""The chapter for writers of plugins, step by step: its files are written, and
its commands run, in its order, against an installed tree."""
import os
import re
import subprocess
import sys
import tempfile
import textwrap

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "recording"), os.path.join(HERE, "shared")]
from harness import TOP, bare_guest, close, expect
import installed

CHAPTER = f"{TOP}/docs/manual/plugins.md"


def steps():
    """(file, text) of each block; a block of commands has no file."""
    with open(CHAPTER) as page:
        text = page.read()
    blocks = r"((?:^(?!    |#|\n).*\n)*)\n((?:^    .*\n|^\n(?=    |\n    ))+)"
    for before, block in re.findall(blocks, text, re.M):
        yield before, textwrap.dedent(block).lstrip("\n")


def files_of(before, block, waiting):
    """A file's name stands before it; two may be named at once."""
    waiting += re.findall(r"`((?!panda/)\w+/\w+\.(?:c|h|proto))`", before)
    starts = block.startswith(("/*", "#include", "message"))
    return waiting.pop(0) if starts and waiting else None


def run(commands, folder, environment):
    """Each command, in one shell that keeps what it exports."""
    done = subprocess.run(
        ["bash", "-ec", commands + "\nenv -0 >environment"], cwd=folder,
        env=environment, text=True, timeout=200, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode == 0:
        with open(f"{folder}/environment") as file:
            environment.update(pair.split("=", 1) for pair in
                               file.read().split("\0") if "=" in pair)
    return done


# What must be seen after the commands of a block, by a word of theirs.
SEEN = {
    "panda-plugin new": r"1 passed, 0 failed",
    "PANDA_PLUGIN_DIR=$PWD/first": r"first: \d{4,} blocks",
    "-panda-plugin ./panda_first.so": r"first: \d{4,} blocks",
    "panda-plugin build writers": r"(?s)first address of the range.*writes "
        r"\w+ to 00000000002[0-9a-f]{5}\n.*\[writers\]: [1-9]\d* writes",
    "panda-plugin build alarm": r"alarm at 00000000002[0-9a-f]{5}\n(?:.*\n)*?"
        r".*(?:mov|push|call|inc)",
}


def main():
    with tempfile.TemporaryDirectory() as folder:
        tree = installed.Tree(f"{folder}/tree")
        environment = tree.environment()
        environment["PATH"] = f"{tree.path}/bin:{environment['PATH']}"
        subprocess.run([tree.panda, "-kernel", bare_guest(), "-m", "4",
                        "-serial", "null", "-monitor", "null", "-record",
                        "foo", "-limit", "200000"], check=True, cwd=folder,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        waiting, seen = [], set()
        for before, block in steps():
            name = files_of(before, block, waiting)
            if name:
                os.makedirs(f"{folder}/{os.path.dirname(name)}",
                            exist_ok=True)
                with open(f"{folder}/{name}", "w") as file:
                    file.write(block)
                continue
            done = run(block, folder, environment)
            words = [w for w in SEEN if w in block]
            seen.update(words)
            expect(words and done.returncode == 0 and
                   all(re.search(SEEN[w], done.stdout) for w in words),
                   block.split("\n")[0], done.stdout[-2000:])
        expect(len(seen) == len(SEEN), "all blocks were found", seen)
        log = subprocess.run([f"{tree.path}/bin/plog_reader",
                              f"{folder}/writers.plog", "--json"], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        expect(len(re.findall("instr", log.stdout)) > 3, "it has logged",
               log.stdout[-500:])
    close()


main()
