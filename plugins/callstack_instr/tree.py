"""The guest of test_tree.c, recorded as `tree`."""
import os
import re

from bare_metal import boot, build_guests, run, written
from checks import expect


def record():
    """What it noted: [(sign, stack, function)]."""
    build_guests(f"{os.path.dirname(os.path.abspath(__file__))}/test_tree.c")
    done = run(*boot("test_tree", "-record", "tree", "-icount", "sleep=off"))
    notes = re.findall(r"^([+-]) (\w) (\w+)\r?$", written(), re.MULTILINE)
    expect(done.returncode == 1 and len(notes) > 300, "the guest runs",
           done.stdout)
    return notes
