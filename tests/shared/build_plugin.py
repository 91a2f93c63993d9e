"""Builds plugins of tests, as somebody outside the tree would."""
import os
import subprocess

from checks import BUILD, HEADERS, TOP

STRICT = ["-Wall", "-Wextra", "-Werror"]
# The headers of the tree's plugins, for those that call them.
NEIGHBOURS = [f"-I{TOP}/plugins", f"-I{BUILD}/plugins/ext"]


def build_plugin(folder, name, source=None, *flags, compiler=None):
    """panda_NAME.so in the folder, of tests/plugin_sources/NAME.c (or .cpp),
    or of a text: in C, or what the compiler is for."""
    file = os.path.join(TOP, "tests/plugin_sources", name)
    cxx = source is None and os.path.exists(file + ".cpp")
    compiler = compiler or ("c++" if cxx else "cc")
    language, std = ("c++", "gnu++17") if "+" in compiler else ("c", "gnu17")
    given = [f"-x{language}", "-"] if source is not None else \
        [file + (".cpp" if cxx else ".c")]
    subprocess.run([compiler, f"-std={std}", "-O2", "-shared", "-fPIC",
                    "-DTARGET_X86_64", f'-DPLUGIN_NAME="{name}"', *HEADERS,
                    *flags, "-o", f"{folder}/panda_{name}.so", *given],
                   input=source, text=True, check=True)
