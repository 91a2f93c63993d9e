#!/usr/bin/env python3
"""Plugins that talk to each other: callback points, functions by the headers
that panda-api-generate makes, and the order of loading and unloading; in C
and C++, with both compilers."""
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "shared"))
from checks import FULL, HEADERS, PANDA, TOP, end, expect

SOURCES = f"{HERE}/plugin_sources"
GENERATE = f"{TOP}/scripts/panda-api-generate"
STRICT = ["-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC"]


def generate(folder, *options):
    return subprocess.run([GENERATE, *options, folder], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def build(name, source, compiler, *flags):
    """The compiler's complaints; a source may be text or a file."""
    text = None if source.endswith((".c", ".cpp")) else source
    language = "-xc++" if "+" in compiler else "-xc"
    return subprocess.run(
        [compiler, *STRICT, "-DTARGET_X86_64", f'-DPLUGIN_NAME="{name}"',
         *HEADERS, f"-I{SOURCES}", f"-I{WORK}", f"-I{WORK}/giver",
         f"-I{WORK}", *flags, "-o", f"{WORK}/panda_{name}.so", language,
         "-" if text else source], input=text, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


def run(*plugins, monitor=""):
    """A guest that ends at once, and what is said."""
    done = subprocess.run(
        [PANDA, "-m", "40", "-kernel", f"{WORK}/guest/transfers", "-serial",
         "none", "-no-reboot", "-device", "isa-debug-exit,iobase=0x501",
         *(["-monitor", "stdio", "-S"] if monitor else []),
         *sum((["-panda", p] for p in plugins), [])],
        text=True, timeout=100, cwd=WORK, input=monitor,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def said(text, *who):
    return [line for line in text.splitlines() if line.startswith(who)]


ROUNDS = """\
giver: run 1 1
taker: second 'a, b'
taker: first 0 ffffffffffffffff 200 'a, b'
taker: first 0 ffffffffffffffff 200 'a, b'
taker: context one 0 ffffffffffffffff 200 'a, b'
taker: both one 0 -2 1
taker: both two 0 -2 1
taker: nothing
giver: voted
giver: run 1 1
taker: first 0 ffffffffffffffff 200 'a, b'
taker: context one 0 ffffffffffffffff 200 'a, b'
taker: both two 0 -2 1
taker: nothing
giver: run 0 0
taker: nothing
taker: 1 'last' -2 1 10
""".splitlines()
LAST = """\
giver: run 1 0
taker: first 0 ffffffffffffffff 200 'a, b'
taker: nothing
taker: ends
giver: ends
""".splitlines()


def languages():
    """Every mix of languages and compilers does the same."""
    ways = [("gcc", "-std=gnu99"), ("g++", "-std=c++11"),
            ("clang", "-std=gnu17"), ("clang++", "-std=c++17")]
    for compiler, std in ways:
        wrong = build("giver", f"{SOURCES}/giver/giver.c", compiler, std)
        expect(not wrong, f"giver builds by {compiler} {std}", wrong)
        for other, other_std in ways if FULL else [ways[1], ways[2]]:
            wrong = build("taker", f"{SOURCES}/taker.c", other, other_std)
            expect(not wrong, f"taker builds by {other} {other_std}", wrong)
            status, text = run("taker")
            expect(status == 1 and
                   said(text, "giver:", "taker:") == ROUNDS + LAST,
                   f"they talk: {compiler} {std}, {other} {other_std}", text)


FAILER = """
#include "panda/plugin.h"
#include "giver/giver.h"
bool init_plugin(void *self);
static void nothing(void) { printf("other: nothing\\n"); }
bool init_plugin(void *self)
{
    (void)self;
    PPP_REG_CB("giver", on_nothing, nothing);
    PPP_REG_CB("giver", POINT, nothing);
    return GOOD;
}
"""


def failer(point, good):
    return FAILER.replace("POINT", point).replace("GOOD", good)


def loading():
    """What is missing, and what becomes of whom."""
    status, text = run("giver", "taker:fails")
    expect(status == 1 and "its init_plugin() returned false" in text and
           said(text, "giver: e") == ["giver: ends"],
           "an init that fails after it registered", text)
    build("other", failer("on_nowhere", "true"), "gcc",
          "-Don_nowhere_t=on_nothing_t")
    status, text = run("other")
    expect(status == 1 and "other needs the plugin giver, which is not loaded"
           in text and "-panda 'giver;other'" in text,
           "registering with a plugin that is not there", text)
    status, text = run("giver;other")
    expect(status == 1 and "giver has no callback point on_nowhere" in text,
           "registering with a point that is not there", text)
    build("other", failer("on_nothing", "false"), "gcc")
    # The monitor's load fails, and then giver runs the point.
    status, text = run("giver", monitor="load_plugin other\n"
                       "load_plugin taker\nlist_plugins\n"
                       "unload_plugin giver\nlist_plugins\nquit\n")
    expect("other: nothing" not in text and "taker: nothing" in text,
           "a failed init leaves nothing registered", text)
    expect(said(text, "giver:", "taker:")[-len(LAST):] == LAST,
           "who needs a plugin is unloaded before it", text)
    lists = [part.split("(qemu)")[0] for part in text.split("idx name")[1:]]
    expect(len(lists) == 2 and "taker" in lists[0] and "giver" in lists[0] and
           len(lists[1].split()) == 1, "and both are gone", text)
    status, text = run("giver", monitor="load_plugin taker\n"
                       "unload_plugin taker\nload_plugin taker\nquit\n")
    expect(said(text, "giver:", "taker:") == ROUNDS + LAST[:-1] + ROUNDS + LAST,
           "unloading takes its registrations along, loading again works",
           text)
    status, text = run("taker:help")
    expect(status == 0 and "after all, init does" in text,
           "help needs no other plugin", text)


CIRCLE = """
#include "panda/plugin.h"
bool init_plugin(void *self);
void uninit_plugin(void *self);
bool init_plugin(void *self)
{
    (void)self;
    panda_require(OTHER);
    printf(PLUGIN_NAME ": %d\\n", panda_get_plugin_by_name(OTHER) != NULL);
    return true;
}
void uninit_plugin(void *self)
{
    (void)self;
    printf(PLUGIN_NAME ": ends\\n");
}
"""


def circles():
    build("left", CIRCLE, "gcc", '-DOTHER="right"')
    build("right", CIRCLE, "gcc", '-DOTHER="left"')
    status, text = run("left")
    expect(status == 1 and sorted(said(text, "left", "right")) ==
           ["left: 1", "left: ends", "right: 1", "right: ends"],
           "two that require each other", text)
    build("left", CIRCLE, "gcc", '-DOTHER="nobody"')
    status, text = run("left")
    expect(status == 1 and "there is no plugin 'nobody'" in text,
           "requiring what is not there", text)


def wrong_uses():
    """The compiler sees them."""
    good = failer("on_nothing", "true")
    for change, what in [
            (("nothing(void)", "nothing(int x)"), "another signature"),
            (("on_nothing, nothing", "on_nowhere, nothing"),
             "a point without a type"),
            (('"giver", on_nothing, nothing', '"giver", on_nothing'),
             "too few arguments")]:
        for compiler in "gcc", "g++", "clang++":
            wrong = build("wrong", good.replace(*change), compiler)
            expect("error" in wrong, f"{compiler} sees {what}")
    expect(not build("wrong", good, "gcc"), "and takes the right ones")


# As sources for PANDA have it: types that only the generator's parser sees.
OLD = {"_int.h": """
typedef void CPUState;
typedef void target_ulong;
typedef void OldThing;
typedef void OldKind;
#include "old_giver_int_fns.h"
""", "_int_fns.h": """
uint32_t old_giver_things(OldThing things[], uint32_t n, CPUState *cpu);
target_ulong old_giver_kind(OldKind kind);
"""}


def headers():
    """What panda-api-generate makes of sources, good and bad."""
    wrong = [
        ("int f(const char *format, ...);", "`...`"),
        ("int f(Nowhere *x);", "Nowhere.*: include the header"),
        ("int (*f(void))(int);", "a name by a typedef"),
        ("int f(", "expected")]
    os.makedirs(f"{WORK}/bad", exist_ok=True)
    for text, words in wrong:
        with open(f"{WORK}/bad/bad_int_fns.h", "w") as file:
            file.write(text + "\n")
        done = generate(f"{WORK}/bad")
        expect(done.returncode == 1 and
               re.search(rf"bad_int_fns.h:.*{words}", done.stdout),
               f"refused: {text}", done.stdout)
    os.remove(f"{WORK}/bad/bad_int_fns.h")
    done = generate(f"{WORK}/bad")
    expect(done.returncode == 1 and "no bad_int_fns.h" in done.stdout,
           "a folder without functions", done.stdout)
    with open(f"{WORK}/bad/bad_int.h", "w") as file:
        file.write("typedef void Nothing;\n")
    done = generate(f"{WORK}/bad")
    expect(done.returncode == 0 and "init_bad_api" in
           open(f"{WORK}/bad/bad_ext.h").read(), "an empty list", done.stdout)

    os.makedirs(f"{WORK}/old_giver")
    for end_of_name, text in OLD.items():
        with open(f"{WORK}/old_giver/old_giver{end_of_name}", "w") as file:
            file.write(text)
    done = generate(f"{WORK}/old_giver", "-o", f"{WORK}/old_giver_ext.h")
    expect(done.returncode == 0, "types that only NAME_int.h has", done.stdout)
    use = ('typedef struct { int x; } OldThing; typedef int OldKind;\n'
           '#include "old_giver_ext.h"\n'
           "bool init_plugin(void *self);\nbool init_plugin(void *self)\n"
           "{ OldThing t[2]; (void)self; return init_old_giver_api() && "
           "old_giver_things(t, 2, first_cpu) && old_giver_kind(3); }\n")
    use = '#include "panda/plugin.h"\n' + use
    for compiler in "gcc", "g++":
        wrong = build("old_taker", use, compiler)
        expect(not wrong, f"and a plugin that has them, {compiler}", wrong)


def main():
    global WORK
    with tempfile.TemporaryDirectory() as WORK:
        os.environ["PANDA_PLUGIN_DIR"] = WORK
        subprocess.run([f"{HERE}/guest/build.sh", f"{WORK}/guest",
                        "transfers"], check=True)
        os.makedirs(f"{WORK}/giver")
        done = generate(f"{SOURCES}/giver", "-o", f"{WORK}/giver/giver_ext.h")
        expect(done.returncode == 0, "giver's header is made", done.stdout)
        languages()
        loading()
        circles()
        wrong_uses()
        headers()
    end()


main()
