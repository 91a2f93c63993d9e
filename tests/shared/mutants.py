"""tests/callbacks/mutants.txt, and the callbacks that there are."""
import re

from checks import TOP

HOWS = ["drop", "double", "delay", "alter"]


def rows():
    """(callback, test, every, what is not done, why)"""
    with open(f"{TOP}/tests/callbacks/mutants.txt") as file:
        for line in file:
            words = line.split("#")[0].split(maxsplit=3)
            if words:
                left_out, _, why = (words[3] if len(words) > 3 else
                                    "").partition(": ")
                yield words[0], words[1], int(words[2]), left_out, why.strip()


def of(test, only=None):
    """The callbacks and -plugin-mutant's texts, for the test of that name."""
    return [(kind, f"{how}:{kind}:{every}")
            for kind, by, every, left_out, _ in rows() if by == test and
            (only is None or only(kind)) for how in HOWS if how != left_out]


def missing():
    """What is wrong with the list."""
    with open(f"{TOP}/include/panda/callbacks.def") as file:
        raised = {name for name, state in re.findall(
            r"^PANDA_CALLBACK(?:_NONE)?\(\d+, \w+,\s+(\w+), (\w+),",
            file.read(), re.MULTILINE) if state != "NEVER"}
    listed = {row[0] for row in rows()}
    wrong = [f"{kind}: nobody spoils it" for kind in raised - listed]
    wrong += [f"{kind}: is never raised" for kind in listed - raised]
    for kind, test, _, left_out, why in rows():
        if left_out and (left_out not in HOWS or not why):
            wrong.append(f"{kind}: not done without a reason")
        with open(f"{TOP}/tests/{test}") as file:
            text = file.read()
        if f"PANDA_CB_{kind.upper()}" not in text if test.endswith(".c") else \
                "mutants.of(" not in text:
            wrong.append(f"{kind}: not in {test}")
    return wrong if len(raised) > 40 else [f"only {len(raised)} callbacks"]
