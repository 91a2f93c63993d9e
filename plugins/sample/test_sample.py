#!/usr/bin/env python3
"""The templates: sample and sample_cpp count blocks, and others use them. What
they count is what coverage lists."""
import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, f"{TOP}/tests/shared")
from bare_metal import WORK, boot, build_guests, run
from build_plugin import NEIGHBOURS, STRICT, build_plugin
from checks import BUILD, end, expect

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


def ended(*options):
    done = run(*boot("transfers", *options, serial="none"), apart=True)
    return done.stdout + done.stderr


def main():
    build_guests("transfers")
    for name, compiler in ("sample", "cc"), ("sample_cpp", "c++"):
        build_plugin(WORK, "user", USER.replace("NAME", name), *STRICT,
                     *NEIGHBOURS, f"-I{BUILD}/plugins/ext/{name}",
                     compiler=compiler)
        text = ended("-panda", f"{name}:every=500;user", "-panda",
                     "coverage:filename=all.csv,full=yes")
        listed = len(open(f"{WORK}/all.csv").readlines()) - 4
        told = re.search(rf"^{name}: (\d+) blocks(, | *$)", text,
                         re.MULTILINE)
        expect(told and int(told[1]) == listed > 5000,
               f"{name} counts {listed} blocks", text[-400:])
        expect(text.count("user: 1 1\n") == listed // 500 and
               "user: 1 0" not in text, f"{name}: another uses it",
               text[:600])
        text = ended("-panda", "user")
        expect(f"needs the plugin {name}, which is not loaded" in text,
               f"{name}: and says so when it is missing", text)
    end()


main()
