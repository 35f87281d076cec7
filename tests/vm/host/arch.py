"""The processors that guests may have, and what differs by them. ARCH names one: x86_64 (the default), aarch64."""
import os
from dataclasses import dataclass

from .cache import RigError


@dataclass(frozen=True)
class Arch:
    name: str               # as `uname -m` says
    debian: str             # as Debian says
    cross: str              # what the compiler's name begins with; empty: this machine's own
    machine: str            # QEMU's
    cpu: str
    cmdline: str            # the kernel's
    counts_tsc: bool = False    # has a clock whose frequency guests are to be told

    @property
    def qemu(self):
        return f"qemu-system-{self.name}"

    @property
    def cc(self):
        return f"{self.cross}gcc"

    @property
    def foreign(self):
        """This machine can compile for it, and run nothing of it but in a guest."""
        return bool(self.cross)


# `max`, less what costs under emulation, which is "rep movsb" copies (run byte by byte) and page tables of five levels,
# and less what is broken there: with several processors, QEMU 7.2's cmpxchg16b ruins the flags now and then, and a
# kernel whose slab allocator uses it (6.12) dies of a double fault.
X86_64 = Arch("x86_64", "amd64", "", "q35", "max,-erms,-fsrm,-la57,-cx16",
              "console=ttyS0 no_timer_check tsc=reliable reboot=t", counts_tsc=True)
# A processor that DPUs do have, and that is quick to emulate. Crashes of programs are told, as they are on x86_64.
AARCH64 = Arch("aarch64", "arm64", "aarch64-linux-gnu-", "virt", "cortex-a72",
               "console=ttyAMA0 sysctl.debug.exception-trace=1")
# By the names that kbuild and Debian have, too: ARCH is a word of theirs.
NAMES = {"x86_64": X86_64, "amd64": X86_64, "x86": X86_64, "aarch64": AARCH64, "arm64": AARCH64}


def get(name=None):
    name = name or os.environ.get("ARCH") or "x86_64"
    if name not in NAMES:
        raise RigError(f"unknown ARCH {name}: {X86_64.name} or {AARCH64.name}")
    return NAMES[name]
