#!/usr/bin/env python3
"""What a plugin is told does not depend on who is loaded beside it: the
instructions it asked for, and no others', whenever the others come and go;
and accesses, whoever switches theirs."""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "recording"), os.path.join(HERE, "shared")]
from harness import PANDA, Replay, bare_guest, close, expect, path
from build_plugin import build_plugin

# By name: what each is told of itself.
ASKERS = {
    "some": "mask=3,value=1",
    "others": "mask=2,value=2,from=40000,till=150000,invalidate=70",
    "every": "from=90000,till=120000",
    "mute": "mute,from=20000",
}


def heard(names, *options):
    replay = Replay("apart", "-panda", ";".join(
        f"{name}:{ASKERS[name]}" for name in names), *options)
    found = {m[1]: (*map(int, m[2].split()), m[3]) for m in re.finditer(
        r"^(\w+) heard ([\d ]+) (\w{16})$", replay.err, re.M)}
    if not replay.identical() or set(found) != set(names):
        expect(False, f"a replay with {names}", replay.said)
    return found


def record():
    with open(os.path.join(HERE, "plugin_sources/asker.c")) as file:
        source = file.read()
    for name in ASKERS:
        build_plugin(path("."), name, source,
                     *(["-DSWITCHES"] if name == "others" else []))
    build_plugin(path("."), "conductor")
    os.environ["PANDA_PLUGIN_DIR"] = path(".")
    subprocess.run(
        [PANDA, "-kernel", bare_guest(), "-m", "4", "-serial", "null",
         "-panda", f"conductor:name={path('apart')},do=100-record+70000-quit"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, timeout=60, check=True)


def main():
    record()
    alone = {name: heard([name])[name] for name in ASKERS}
    expect(all(alone[n][0] > 10000 and alone[n][1] > 1000
               for n in ASKERS if n != "mute"), "who asks is told", alone)
    expect(alone["mute"][:2] == (0, 0), "who does not ask is not", alone)
    expect(alone["some"][0] < alone["every"][0] * 20 and
           alone["others"][2] < alone["some"][2] / 2,
           "what is asked for makes a difference", alone)
    for ways in [], ["-accel", "interp"], ["-unit-insns", "1"], \
            ["-jit", "chaos=3"]:
        for names in (["some", "others"], ["every", "some"],
                      ["mute", "every"], ["others", "mute", "every", "some"]):
            got = heard(names, *ways)
            expect(got == {name: alone[name] for name in names},
                   f"{' and '.join(names)} {' '.join(ways)}",
                   f"{got}\nalone: {alone}")


try:
    main()
finally:
    close()
