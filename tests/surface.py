#!/usr/bin/env python3
"""The interface of plugins as PANDA's sources use it: plugins in that style
compile against an installed tree and do what they should, every name of the
interface is used by one of them, what is wrong does not compile, and the code
of PANDA's manual does."""
import os
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "shared"), os.path.join(HERE, "surface")]
from checks import end
import installed
import blocks
import sources
import words
import wrong


def main():
    with tempfile.TemporaryDirectory() as folder:
        tree = installed.Tree(f"{folder}/tree")
        found = sources.all_sources()
        sources.compile_all(tree, found, folder)
        recording = sources.record(tree, folder)
        sources.run_all(tree, found, folder, recording)
        blocks.check(tree, folder, recording)
        wrong.check(tree)
    words.check()
    end()


main()
