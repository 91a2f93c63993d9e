"""The plugins of the tree that only watch, as plugins/config.panda lists them:
how each is loaded beside others to see much of the guest of tests/callbacks,
and by what one sees that it did."""
import re

from checks import TOP

CODE = "0x101b40", "0x101bff"  # some of the guest's code,
DATA = "0x803000", "0x8060ff"  # and what it works on


def _neighbour(name, first="0", last="0"):
    """A plugin that only serves others: one that asks it to."""
    return (f"{name};neighbour:of={name},first={first},last={last}",
            rf"neighbour of {name}: [1-9]")


# By name: what is loaded, and what is then said, or (in a pair) stands in a
# file. A plugin may have several.
WATCHERS = {
    "coverage": [
        ("coverage:filename=blocks.csv,full=yes", ("blocks.csv", r"0x\w+,\d")),
        ("coverage:filename=first.csv,privilege=user",
         ("first.csv", r"0x\w+,\d")),
        ("coverage:filename=edges.csv,mode=edge",
         ("edges.csv", r"0x\w+,\d+,0x")),
    ],
    "asidstory": [("asidstory", ("asidstory", r"\[.*#"))],
    # Another moment than one behind the end would end the run.
    "memsavep": [("memsavep:instrcount=1000000000000,file=never.raw",
                  "memsavep.*ended before that moment")],
    "pc_search": [("pc_search:pc_range=%s-%s,out_file=found" % CODE,
                   ("found", r"Guest Instr:\d"))],
    "sample": [("sample:every=10", r"sample: [1-9]\d* blocks")],
    "sample_cpp": [("sample_cpp:every=10", r"sample_cpp: [1-9]\d* blocks")],
    "callstack_instr": [("callstack_instr:verbose=yes",
                         " call of [0-9a-f]+$"),
                        ("callstack_instr:stack_type=heuristic,verbose=yes",
                         " ret from [0-9a-f]+$")],
    "stringsearch": [("stringsearch:str=error,name=texts",
                      ("texts_string_matches.txt", r"  [1-9]\d*$"))],
    "hw_proc_id": [_neighbour("hw_proc_id")],
    "hypercaller": [_neighbour("hypercaller")],
    "mem_hooks": [_neighbour("mem_hooks", *DATA)],
    "hooks": [_neighbour("hooks", *CODE)],
    "recctrl": [("recctrl", "")],  # no call in this guest is meant for it
    "track_intexc": [("track_intexc:debug=yes", r"sp .*, depth \d+$")],
}
# And those that do more than watch, with what.
OTHERS = {}


def config():
    """The names of plugins/config.panda."""
    with open(f"{TOP}/plugins/config.panda") as file:
        lines = [line.strip() for line in file]
    return [line for line in lines if line and not line.startswith("#")]


def rows():
    """(name, what is loaded, the sign) of all that are built."""
    return [(name, *row) for name in config() for row in WATCHERS.get(name,
                                                                      [])]


def unknown():
    """Plugins that nobody has said how to load."""
    return [name for name in config() if (name in WATCHERS) ==
            (name in OTHERS)]


def worked(sign, said, read):
    """Whether one did something, by its sign; read(name): a file's text."""
    text = said
    if isinstance(sign, tuple):
        try:
            text = read(sign[0])
        except FileNotFoundError:
            return False
        sign = sign[1]
    return re.search(sign, text, re.MULTILINE) is not None
