"""Bare-metal programs (tests/guest/build.sh) as guests of a test, in a folder
that goes when the test ends. Plugins that are built there are found."""
import atexit
import os
import shutil
import subprocess
import tempfile

from checks import PANDA, TOP

WORK = tempfile.mkdtemp(prefix="panda-bare-metal-")
atexit.register(shutil.rmtree, WORK, True)
os.environ["PANDA_PLUGIN_DIR"] = WORK


def build_guests(*programs):
    """Of tests/guest by name, or by path."""
    subprocess.run([f"{TOP}/tests/guest/build.sh", WORK, *programs],
                   check=True)


def boot(program, *options, serial="file:out"):
    """The options of a guest that ends by itself."""
    return ["-m", "40", "-kernel", program, "-serial", serial, "-no-reboot",
            "-device", "isa-debug-exit,iobase=0x501", *options]


def run(*options, typed="", apart=False, env=None):
    """The program, ended. apart: stderr is no part of stdout."""
    return subprocess.run(
        [PANDA, *options], text=True, timeout=300, cwd=WORK, input=typed,
        stdout=subprocess.PIPE, env=env,
        stderr=subprocess.PIPE if apart else subprocess.STDOUT)


def written(name="out"):
    with open(f"{WORK}/{name}", errors="replace") as file:
        return file.read()
