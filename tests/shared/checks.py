"""What tests of the program share: where it is, and the count of passes."""
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
PANDA = f"{BUILD}/x86_64-softmmu/panda-system-x86_64"
FULL = bool(os.environ.get("FULL"))
# Where a compiler finds what a plugin of the tree includes.
HEADERS = [f"-I{TOP}/include", f"-I{TOP}/include/compat", *subprocess.run(
    ["pkg-config", "--cflags", "glib-2.0"], text=True, check=True,
    stdout=subprocess.PIPE).stdout.split()]

_passed = _failed = 0


def expect(good, what, detail=""):
    global _passed, _failed
    print(f"{'ok    ' if good else 'FAILED'} {what}", flush=True)
    if good:
        _passed += 1
    else:
        _failed += 1
        if detail:
            print("       " + str(detail).strip().replace("\n", "\n       "))
    return good


def end():
    """The closing line; the program ends."""
    print(f"{_passed} passed, {_failed} failed")
    sys.exit(1 if _failed else 0)
