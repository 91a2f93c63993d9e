"""The two small programs of the measurements, built against the tree."""

import glob
import os
import subprocess

import guests

PLUGINS = os.path.join(guests.TOP, "build/x86_64-softmmu/panda/plugins")
LOG_COUNT = os.path.join(guests.OWN, "log_count")


def compile_c(output, options, *sources):
    os.makedirs(os.path.dirname(output), exist_ok=True)
    subprocess.run(["gcc", "-O2", "-std=gnu17", "-D_GNU_SOURCE", "-o", output,
                    *options, *sources, "-lzstd", "-lz", "-lpthread"],
                   check=True)


def build_log_count():
    src = os.path.join(guests.TOP, "src")
    compile_c(LOG_COUNT, ["-I" + src],
              os.path.join(guests.HERE, "log_count.c"),
              *sorted(glob.glob(src + "/boundary/log_*.c")),
              *sorted(glob.glob(src + "/base/*.c")))


def log_count(name):
    """{kind: (entries, bytes)} of a recording; kind "file" is the file."""
    out = subprocess.run([LOG_COUNT, name + "-rr-nondet.log"], check=True,
                         stdout=subprocess.PIPE).stdout.decode()
    counts = {}
    for line in out.splitlines():
        kind, entries, size = line.split()
        counts[kind] = int(entries), int(size)
    return counts


def plugin(name):
    """The file of a plugin, or None when this tree does not build it."""
    path = os.path.join(PLUGINS, "panda_%s.so" % name)
    include = os.path.join(guests.TOP, "include")
    source = os.path.join(guests.HERE, name + ".c")
    if os.path.exists(source) and os.path.exists(include +
                                                 "/panda/plugin.h"):
        glib = subprocess.run(["pkg-config", "--cflags", "glib-2.0"],
                              check=True, text=True, capture_output=True)
        compile_c(path, ["-shared", "-fPIC", "-I" + include,
                         *glib.stdout.split(),
                         "-DTARGET_I386", "-DTARGET_X86_64"], source)
    return path if os.path.exists(path) else None
