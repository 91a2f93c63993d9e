"""Builds plugins of tests, as somebody outside the tree would."""
import os
import subprocess

from checks import HEADERS, TOP


def build_plugin(folder, name, source=None, *flags):
    """panda_NAME.so in the folder, of tests/plugin_sources/NAME.c (or .cpp),
    or of a text in C."""
    file = os.path.join(TOP, "tests/plugin_sources", name)
    cxx = source is None and os.path.exists(file + ".cpp")
    given = ["-xc", "-"] if source is not None else \
        [file + (".cpp" if cxx else ".c")]
    compiler = ["c++", "-std=gnu++17"] if cxx else ["cc", "-std=gnu17"]
    subprocess.run([*compiler, "-O2", "-shared", "-fPIC", "-DTARGET_X86_64",
                    f'-DPLUGIN_NAME="{name}"', *HEADERS, *flags,
                    "-o", f"{folder}/panda_{name}.so", *given],
                   input=source, text=True, check=True)
