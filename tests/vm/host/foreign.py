"""Packages for another processor than this machine's: unpacked and not installed, since nothing of them runs here."""
import shutil
from pathlib import Path

from . import cache
from .apt import MIRROR, SUITE, localize

OPTIONS = ("--variant=extract", "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr")


def unpack(root, arch, packages, *options):
    cache.command("mmdebstrap", *OPTIONS, f"--architectures={arch.debian}", "--include=" + ",".join(packages), *options,
                  SUITE, root, MIRROR)


def configure(root):
    """What the scripts of the packages that each Debian has would have done, as far as anything depends on it: those of
    base-files, base-passwd, libc-bin, mawk and debianutils."""
    for name in ("srv", "opt", "mnt", "media", "usr/local/bin", "usr/local/sbin", "usr/local/lib"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for link, target in (("var/run", "/run"), ("var/lock", "/run/lock")):
        (root / link).rmdir()
        (root / link).symlink_to(target)
    for name in ("passwd", "group"):
        shutil.copy(root / f"usr/share/base-passwd/{name}.master", root / f"etc/{name}")
    shutil.copy(root / "usr/share/libc-bin/nsswitch.conf", root / "etc/nsswitch.conf")
    for link, program in (("awk", "mawk"), ("which", "which.debianutils")):
        (root / "usr/bin" / link).symlink_to(program)


def sysroot(arch, packages):
    """A folder with packages, and what they depend on: a compiler's --sysroot."""
    def build(folder):
        unpack(folder, arch, packages)
        localize(folder)

    key = cache.digest(" ".join(sorted(packages)), SUITE, " ".join(OPTIONS))
    return cache.make(f"sysroot-{arch.debian}-{key}", build, f"what programs for {arch.name} are built with")
