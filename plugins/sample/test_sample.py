#!/usr/bin/env python3
"""The templates: sample and sample_cpp count blocks, and others use them. What
they count is what coverage lists."""
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, f"{TOP}/tests/shared")
from build_plugin import NEIGHBOURS, STRICT, build_plugin
from checks import BUILD, PANDA, end, expect

# The manual's way to use sample, and its callback point.
USER = """
#include "panda/plugin.h"
#include "../NAME/NAME_ext.h"
#include "NAME/NAME.h"
#ifdef __cplusplus
extern "C"
#endif
bool init_plugin(void *self);
static void on(CPUState *cpu, uint64_t blocks)
{
    printf("user: %d %d\\n", cpu == first_cpu,
           blocks == NAME_function() && blocks % 500 == 0);
}
bool init_plugin(void *self)
{
    (void)self;
    if (!init_NAME_api()) return false;
    PPP_REG_CB("NAME", on_NAME, on);
    return NAME_function() == 0;
}
"""


def run(*options):
    done = subprocess.run(
        [PANDA, "-m", "40", "-kernel", f"{WORK}/transfers", "-serial", "none",
         "-no-reboot", "-device", "isa-debug-exit,iobase=0x501", *options],
        text=True, timeout=300, cwd=WORK, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.stdout + done.stderr


def main():
    global WORK
    with tempfile.TemporaryDirectory() as WORK:
        os.environ["PANDA_PLUGIN_DIR"] = WORK
        subprocess.run([f"{TOP}/tests/guest/build.sh", WORK, "transfers"],
                       check=True)
        for name, compiler in ("sample", "cc"), ("sample_cpp", "c++"):
            build_plugin(WORK, "user", USER.replace("NAME", name), *STRICT,
                         *NEIGHBOURS, f"-I{BUILD}/plugins/ext/{name}",
                         compiler=compiler)
            text = run("-panda", f"{name}:every=500;user", "-panda",
                       "coverage:filename=all.csv,full=yes")
            listed = len(open(f"{WORK}/all.csv").readlines()) - 4
            told = re.search(rf"^{name}: (\d+) blocks(, | *$)", text,
                             re.MULTILINE)
            expect(told and int(told[1]) == listed > 5000,
                   f"{name} counts {listed} blocks", text[-400:])
            expect(text.count("user: 1 1\n") == listed // 500 and
                   "user: 1 0" not in text, f"{name}: another uses it",
                   text[:600])
            text = run("-panda", "user")
            expect(f"needs the plugin {name}, which is not loaded" in text,
                   f"{name}: and says so when it is missing", text)
    end()


main()
