"""The debug kernel: small, with the kernel's own checks on, built from Debian's source package.

tests/vm/kernel/guest.config says what the guests need, debug.config which checks there are; everything else is off, so
that it is compiled in minutes. What a module is built with is kept as the build folder, the rest of the tree goes."""
import os
import re
import shutil
from pathlib import Path

from . import cache
from .apt import Apt
from .cache import RigError, command, say

SOURCE = "linux-source-6.1"
CONFIGS = [Path(__file__).parent.parent / "kernel" / name for name in ("guest.config", "debug.config")]
# The first warning ends the guest: what comes after it says little. Limits are for a kernel that is several times slower.
CMDLINE = ("panic_on_warn=1 sysctl.kernel.hung_task_timeout_secs=180 sysctl.kernel.watchdog_thresh=60 "
           "rcupdate.rcu_cpu_stall_timeout=150")
# Kbuild's own programs need these; the compiler is the one that modules are built with, too.
TOOLS = ("make", "gcc", "bc", "bison", "flex", "xz")
# What kbuild needs for modules outside of the tree; of arch/x86 what is in ARCH.
KEEP = ("Makefile", "Module.symvers", ".config", "include", "scripts", "arch", "tools", "System.map", "vmlinux")
ARCH = ("Makefile", "Makefile_32.cpu", "include")
OBJTOOL = ("objtool",)


def _version(apt):
    """The package's newest version that apt knows of."""
    text = command("apt-cache", "show", "--no-all-versions", SOURCE, env=apt.env)
    return re.search(r"^Version: (.*)$", text, re.M).group(1)


def _unpack(apt, tree):
    """The source tree, as a folder."""
    work = tree.with_name("source")
    apt.unpack([SOURCE], work, tree.with_name("debs"))
    tree.mkdir(parents=True)
    command("tar", "-x", "-f", work / f"usr/src/{SOURCE}.tar.xz", "-C", tree, "--strip-components=1")
    shutil.rmtree(work)
    # 6.1 has no stack trace filter for fault injection on x86-64, since the usual unwinder there skips frames. Ours
    # (frame pointers) does not.
    kconfig = tree / "lib/Kconfig.debug"
    head, name, rest = kconfig.read_text(encoding="utf-8").partition("config FAULT_INJECTION_STACKTRACE_FILTER")
    kconfig.write_text(head + name + rest.replace("\tdepends on !X86_64\n", "", 1), encoding="utf-8")


def _configure(tree, make):
    wanted = "".join(c.read_text(encoding="ascii") for c in CONFIGS)
    (tree / "rig.config").write_text(wanted, encoding="ascii")
    make("KCONFIG_ALLCONFIG=rig.config", "allnoconfig")
    got = (tree / ".config").read_text(encoding="ascii").splitlines()
    if lost := [line for line in wanted.splitlines() if re.match("(# )?CONFIG_", line) and line not in got]:
        raise RigError(f"{SOURCE} does not have, or have with the rest of the configuration: {' '.join(lost)}")


def _strip(tree):
    """Leave of a tree that was built what modules are built with."""
    for folder, keep in ((tree, KEEP), (tree / "arch", ("x86",)), (tree / "arch/x86", ARCH),
                         (tree / "tools", OBJTOOL), (tree / "tools/objtool", OBJTOOL)):
        for entry in list(folder.iterdir()):
            if entry.name in keep:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def build(folder):
    """Make the kernel folder (see kernel.py)."""
    if missing := [t for t in TOOLS if shutil.which(t) is None]:
        raise RigError(f"not installed, and needed to build a kernel: {' '.join(missing)} (scripts/setup)")
    apt = Apt()
    tree = folder.with_name("tree")
    say(f"{SOURCE} {_version(apt)}: this takes some minutes, once")
    _unpack(apt, tree)

    def make(*args):
        # Its version, not the builder or the time, is what one kernel differs from another by.
        command("nice", "-n", "19", "make", "-s", f"-j{os.cpu_count()}", "LOCALVERSION=-qtfs-debug",
                "KBUILD_BUILD_USER=rig", "KBUILD_BUILD_HOST=qtfs", *args, cwd=tree)

    _configure(tree, make)
    make("bzImage", "modules")
    release = (tree / "include/config/kernel.release").read_text(encoding="ascii").strip()
    folder.mkdir()
    make(f"INSTALL_MOD_PATH={folder}", "modules_install")
    shutil.copy(tree / "arch/x86/boot/bzImage", folder / "vmlinuz")
    modules = folder / "lib/modules" / release
    for link in ("build", "source"):
        (modules / link).unlink(missing_ok=True)
    _strip(tree)
    tree.rename(folder / "build")
    (modules / "build").symlink_to("../../../build")


def get():
    """The folder of the debug kernel for these sources and this configuration, built if need be."""
    key = cache.digest(_version(Apt()), *CONFIGS)
    return cache.make(f"kernel-debug-{key}", build, "the debug kernel")
