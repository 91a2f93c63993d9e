#!/usr/bin/env python3
"""Plugins outside of the tree: against an installed tree that was moved, by
one compiler line, by panda-plugin, and by Makefiles as PANDA has them; and
what is refused.

FULL also configures, builds and installs all from the beginning.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "shared"))
from checks import BUILD, FULL, PANDA, TOP, end, expect
import installed


def sh(*command, **more):
    return subprocess.run(command, text=True, timeout=1500,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **more)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


HOLLOW = """
#include "panda/plugin.h"
bool init_plugin(void *self);
void uninit_plugin(void *self);
bool init_plugin(void *self)
{
    fprintf(stderr, PANDA_MSG " is there\\n");
    return self != NULL;
}
void uninit_plugin(void *self) { (void)self; }
"""


def refused(panda, folder, what, name, *words):
    done = sh(panda, "-replay", "none", "-panda", name,
              env={**os.environ, "PANDA_PLUGIN_DIR": folder})
    expect(done.returncode == 1 and all(w in done.stdout for w in words) and
           len(done.stdout.splitlines()) < 4, what, done.stdout)


# -- Against an installed tree -------------------------------------------------


def compiler_line(tree):
    """pkg-config and one line, in C and C++."""
    for compiler, suffix, text in (
            ("cc", "c", HOLLOW), ("c++", "cpp", HOLLOW.replace(
                "bool init_plugin(void *self);\nvoid uninit_plugin(void *self);"
                , 'extern "C" bool init_plugin(void *self);\nextern "C" void '
                "uninit_plugin(void *self);"))):
        source = f"{WORK}/line/hollow.{suffix}"
        write(source, text)
        done = sh("sh", "-c",
                  f"{compiler} -shared -fPIC -Wall -Wextra -Werror "
                  f"$(pkg-config --cflags panda-x86_64) {source} "
                  f"-o {WORK}/line/panda_hollow.so", env=tree.environment())
        expect(done.returncode == 0, f"one line of {compiler}", done.stdout)
        done = sh(tree.panda, "-replay", "none", "-panda", "hollow",
                  env=tree.environment(f"{WORK}/line"))
        expect("PANDA[core]: is there\n" in done.stdout,
               f"{compiler}: it loads", done.stdout)


def new_plugins(tree):
    """panda-plugin new, build and test."""
    for more in [], ["--cpp"]:
        name = "first_" + ("cpp" if more else "c")
        done = sh(tree.panda_plugin, "new", *more, name, cwd=WORK)
        expect(done.returncode == 0 and
               os.path.exists(f"{WORK}/{name}/README.md"),
               f"panda-plugin new {' '.join(more)}", done.stdout)
        done = sh(tree.panda_plugin, "test", name, cwd=WORK,
                  env=tree.environment())
        expect(done.returncode == 0 and done.stdout == "1 passed, 0 failed\n",
               "panda-plugin test", done.stdout)
    with open(f"{WORK}/{name}/{name}.cpp") as file:
        text = file.read()
    write(f"{WORK}/{name}/{name}.cpp", text.replace("blocks++", "blocks += 2"))
    done = sh(tree.panda_plugin, "test", name, cwd=WORK,
              env=tree.environment())
    expect(done.returncode and "0 passed, 1 failed" in done.stdout,
           "its test can fail", done.stdout)
    for wrong in "Big", name, "a-b":
        done = sh(tree.panda_plugin, "new", wrong, cwd=WORK)
        expect(done.returncode and done.stdout.startswith("panda-plugin: "),
               f"panda-plugin new {wrong} is refused", done.stdout)


# As plugins bring them: the least that does, and one with more to do.
MAKEFILES = {
    "small": """\
# The shared object and what it is made of.
$(PLUGIN_TARGET_DIR)/panda_$(PLUGIN_NAME).so: \\
\t$(PLUGIN_OBJ_DIR)/$(PLUGIN_NAME).o
""",
    "large": """\
CFLAGS += -std=c++17 -DFROM_MAKEFILE=6
QEMU_CFLAGS += -DALSO=7
LIBS += -lz -lcapstone

$(PLUGIN_TARGET_DIR)/panda_$(PLUGIN_NAME).so: \\
\t$(PLUGIN_OBJ_DIR)/$(PLUGIN_NAME).o \\
\t$(PLUGIN_OBJ_DIR)/sub/part.o \\
\t$(PLUGIN_OBJ_DIR)/plain.o

all: $(PLUGIN_TARGET_DIR)/$(PLUGIN_NAME).txt
$(PLUGIN_TARGET_DIR)/$(PLUGIN_NAME).txt:
\techo $(TARGET_NAME) $(DSOSUF) >$@
""",
}
LARGE = {
    "large.cpp": """
#include "panda/plugin.h"
#include <capstone/capstone.h>
#include <optional>
#ifndef PLUGIN_MAIN
#error "the file that bears the plugin's name"
#endif
#include "../small/small.h"
extern "C" {
bool init_plugin(void *);
void uninit_plugin(void *);
int plain(void);
}
int part();
static int before_block(CPUState *, TranslationBlock *) { return 0; }
bool init_plugin(void *self)
{
    panda_cb pcb;
    pcb.before_block_exec = before_block;
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    unsigned version = cs_version(nullptr, nullptr);
    std::optional<int> sum = part() + plain() + SMALL + (version ? 0 : 1);
    fprintf(stderr, "large says %d\\n", *sum);
    return true;
}
void uninit_plugin(void *) { }
""",
    "sub/part.cpp": """
#ifdef PLUGIN_MAIN
#error "not the file that bears the plugin's name"
#endif
int part();
int part() { return FROM_MAKEFILE * ALSO; }
""",
    "plain.c": """
#include <zlib.h>
int plain(void);
int plain(void) { return (int)crc32(0, 0, 0); }
""",
}
# C with the manual's prototypes.
SMALL = """
#include "panda/plugin.h"
bool init_plugin(void *);
void uninit_plugin(void *);
static int on_read(CPUState *env, target_ulong pc, target_ulong addr,
                   target_ulong size, void *buf)
{
    return !env && pc && addr && size && buf;
}
#ifdef MIXED
static void on_block(CPUState *env, TranslationBlock *tb)
{
    (void)env, (void)tb;
}
#else
static int on_block(CPUState *env, TranslationBlock *tb) { return env && tb; }
#endif
bool init_plugin(void *self)
{
    panda_cb pcb = {.virt_mem_after_read = on_read};
    panda_register_callback(self, PANDA_CB_VIRT_MEM_AFTER_READ, pcb);
    pcb.after_block_translate = on_block;
    panda_register_callback(self, PANDA_CB_AFTER_BLOCK_TRANSLATE, pcb);
    fprintf(stderr, "small is there\\n");
    return true;
}
void uninit_plugin(void *self) { (void)self; }
"""


def extra_plugins(root):
    folder = f"{root}/panda/plugins"
    write(f"{folder}/config.panda", "small\n# not_there\n\nlarge # too\n")
    for name, text in MAKEFILES.items():
        write(f"{folder}/{name}/Makefile", text)
    write(f"{folder}/small/small.c", SMALL)
    write(f"{folder}/small/small.h", "#define SMALL 1000\n")
    for name, text in LARGE.items():
        write(f"{folder}/large/{name}", text)
    return folder


def loads(panda, folder, what):
    done = sh(panda, "-replay", "none", "-panda", "small;large",
              env={**os.environ, "PANDA_PLUGIN_DIR": folder})
    expect("small is there\nlarge says 1042\n" in done.stdout, what,
           done.stdout)


def makefiles(tree):
    folder = extra_plugins(f"{WORK}/personal")
    os.makedirs(f"{WORK}/made")
    for name in MAKEFILES:
        done = sh(tree.panda_plugin, "build", f"{folder}/{name}",
                  env=tree.environment())
        expect(done.returncode == 0 and "warning" not in done.stdout,
               f"{name}: by its Makefile", done.stdout)
        shutil.copy(f"{folder}/{name}/panda_{name}.so", f"{WORK}/made")
    loads(tree.panda, f"{WORK}/made", "plugins by Makefiles run")
    with open(f"{folder}/large/build/panda/plugins/large.txt") as file:
        expect(file.read() == "x86_64 .so\n", "what hangs on `all` is made")


def prototypes(tree):
    """C files of either style need no switch; what is wrong under both is
    told."""
    def build(what, text):
        write(f"{WORK}/styles/styles.c", text)
        return sh(tree.panda_plugin, "build", f"{WORK}/styles",
                  env=tree.environment())
    done = build("manual", SMALL)
    expect(done.returncode == 0, "prototypes of the manual", done.stdout)
    done = build("mixed", "#define MIXED\n" + SMALL)
    expect(done.returncode == 0, "prototypes of both", done.stdout)
    done = build("wrong", SMALL.replace(
        "target_ulong size, void *buf", "int no_buffer").replace(
        "size && buf", "no_buffer"))
    expect(done.returncode and "styles.c:20" in done.stdout and
           done.stdout.count("error:") == 1 and
           "after_block_translate" not in done.stdout,
           "a prototype of neither", done.stdout)
    done = build("missing", SMALL.replace("int on_read", "int on_reed"))
    expect(done.returncode and "on_read" in done.stdout,
           "an error besides", done.stdout)


def not_ours(tree):
    folder = f"{WORK}/foreign"
    def compile(name, text, *flags):
        write(f"{folder}/{name}.c", text)
        done = sh("cc", "-shared", "-fPIC", "-o", f"{folder}/panda_{name}.so",
                  f"{folder}/{name}.c", *flags, *tree.flags())
        expect(done.returncode == 0, f"{name} compiles", done.stdout)
    compile("pandas", "extern int panda_cbs[]; int first(void) { return "
            "panda_cbs[0]; } int init_plugin(void *s) { return first(); }")
    compile("late", HOLLOW.replace("return self != NULL;", "extern void "
            "nowhere(void); nowhere(); return self != NULL;"))
    refused(tree.panda, folder, "built for PANDA", "pandas",
            "not built against the headers")
    refused(tree.panda, folder, "a function that is nowhere", "late",
            "nowhere")
    write(f"{folder}/panda_text.so", "no library\n" * 10)
    refused(tree.panda, folder, "no library", "text", "panda_text.so")
    flags = [f for f in tree.flags() if "TARGET" not in f]
    write(f"{folder}/other.c", HOLLOW)
    done = sh("cc", "-shared", "-fPIC", "-DTARGET_I386", *flags, "-o",
              f"{folder}/panda_other.so", f"{folder}/other.c")
    expect(done.returncode == 0, "a plugin for i386 compiles", done.stdout)
    refused(tree.panda, folder, "another target", "other", "for i386 guests")


# -- From the beginning --------------------------------------------------------


def configure():
    """Who has PANDA's commands at their fingers."""
    done = sh(f"{TOP}/configure", "--target-list=arm-softmmu", cwd=WORK)
    expect(done.returncode == 1 and "no target arm-softmmu" in done.stdout,
           "a target that is not there", done.stdout)
    done = sh(f"{TOP}/configure", f"--extra-plugins-path={WORK}", cwd=WORK)
    expect(done.returncode == 1 and "config.panda" in done.stdout,
           "no extra plugins there", done.stdout)
    if not FULL:
        return
    where = f"{WORK}/from-scratch"
    os.makedirs(where)
    extra_plugins(f"{WORK}/more")
    for step in (f"{TOP}/configure --target-list=x86_64-softmmu "
                 f"--prefix={WORK}/usr --extra-plugins-path={WORK}/more "
                 "--enable-llvm", "make", "make install"):
        done = sh("sh", "-c", step, cwd=where)
        expect(done.returncode == 0, step.replace(f"{TOP}/", "./"),
               done.stdout[-2000:])
    loads(f"{where}/x86_64-softmmu/panda-system-x86_64", "",
          "extra plugins run where they were built")
    os.rename(f"{WORK}/usr", f"{WORK}/moved")
    loads(f"{WORK}/moved/bin/panda-system-x86_64", "",
          "and in the installed tree, moved")


def main():
    global WORK
    with tempfile.TemporaryDirectory() as WORK:
        tree = installed.Tree(f"{WORK}/tree")
        compiler_line(tree)
        new_plugins(tree)
        makefiles(tree)
        prototypes(tree)
        not_ours(tree)
        configure()
    end()


main()
