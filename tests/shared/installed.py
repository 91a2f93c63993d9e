"""The build as it is installed, moved elsewhere."""
import os
import shutil
import subprocess

from checks import BUILD, TOP


class Tree:
    def __init__(self, path):
        """Installs there, by way of another place."""
        first = path + ".before"
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild",
                        "--quiet", "--destdir", first], check=True)
        prefix = next(root for root, folders, _ in os.walk(first)
                      if "bin" in folders)
        os.rename(prefix, path)
        shutil.rmtree(first)
        self.path = path
        self.panda = f"{path}/bin/panda-system-x86_64"
        self.panda_plugin = f"{path}/bin/panda-plugin"
        self.lib = next(root for root, folders, _ in os.walk(path)
                              if "pkgconfig" in folders)

    def environment(self, plugins=None):
        """One with pkg-config for it, and a folder of plugins."""
        environment = {**os.environ,
                       "PKG_CONFIG_PATH": f"{self.lib}/pkgconfig"}
        for name in "PANDA_DIR", "PANDA_PLUGIN_DIR":
            environment.pop(name, None)
        if plugins:
            environment["PANDA_PLUGIN_DIR"] = plugins
        return environment

    def libraries_for(self, kind):
        """What a plugin that logs is linked with."""
        package = "panda-x86_64" + ("-cpp" if kind == ".cpp" else "")
        done = subprocess.run(["pkg-config", "--libs", package], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=self.environment())
        return done.stdout.split()

    def flags(self):
        return subprocess.run(
            ["pkg-config", "--cflags", "panda-x86_64"], text=True, check=True,
            stdout=subprocess.PIPE, env=self.environment()).stdout.split()
