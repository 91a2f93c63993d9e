"""Runs of the guest of tests/callbacks (events.c) under the plugin that
writes down what it hears (teller.c)."""
import os

from bare_metal import WORK, build_guests, run, written
from build_plugin import STRICT, build_plugin
from checks import TOP

SOURCES = f"{TOP}/tests/callbacks/"
OPTIONS = ["-m", "40", "-no-reboot", "-display", "none",
           "-rtc", "base=2024-01-01T00:00:00", "-icount", "sleep=off",
           "-device", "isa-debug-exit,iobase=0x501,iosize=4"]


def build():
    build_guests(SOURCES + "events.c")
    with open(SOURCES + "teller.c") as file:
        build_plugin(WORK, "teller", file.read(), *STRICT)


def console():
    return written("console").splitlines()


def remove_recording(name="rec"):
    for end in "-rr-snp", "-rr-nondet.log":
        if os.path.exists(f"{WORK}/{name}{end}"):
            os.unlink(f"{WORK}/{name}{end}")


def heard(how, *more, options="", others=""):
    """The lines of a run, in words, and what the program said. how: live,
    record or replay."""
    way = (["-replay", "rec"] if how == "replay" else
           [*OPTIONS, "-kernel", f"{WORK}/events", "-serial",
            f"file:{WORK}/console", *(["-record", "rec"]
                                      if how == "record" else [])])
    if how == "record":
        remove_recording()
    done = run(*way, "-panda", f"teller:file=heard{options}{others}", *more)
    return [line.split() for line in written("heard").splitlines()], \
        done.stdout
