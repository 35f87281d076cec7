"""The stage: what was built, on its way into the guests, as one tar that unpacks over /.

It holds the stage folder (the result of DESTDIR=... cmake --install), tests/suites as /opt/qtfs/suites, README.md and docs/*.md as
/opt/qtfs/docs, and depmod's files for the guest's kernel with the stage's modules in: depmod takes seconds in an emulated guest, and
none here."""
import os
import shutil
import tarfile
import tempfile
from pathlib import Path

from .cache import RigError, command, say

REPOSITORY = Path(__file__).resolve().parents[3]
SUITES = Path(os.environ.get("QTFS_SUITES") or REPOSITORY / "tests/suites")


def default():
    return Path(os.environ.get("QTFS_STAGE") or REPOSITORY / "build/stage")


def _owned_by_root(member):
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def _depmod(tar, folder, kernel):
    """Add modules.dep and its like for the kernel's own modules and the stage's."""
    staged = folder / "lib/modules"
    if not staged.is_dir():
        return
    releases = sorted(p.name for p in staged.iterdir())
    if kernel.release not in releases:
        say(f"warning: the stage has modules for {' '.join(releases)}, not for the guest's {kernel.release}")
        return
    with tempfile.TemporaryDirectory() as work:
        tree = Path(work) / "lib/modules" / kernel.release
        tree.mkdir(parents=True)
        for entry in kernel.modules.iterdir():
            if entry.name == "kernel" or entry.name.startswith(("modules.order", "modules.builtin")):
                (tree / entry.name).symlink_to(entry)
        for entry in (staged / kernel.release).iterdir():
            (tree / entry.name).symlink_to(entry.resolve())
        command("depmod", "-b", work, kernel.release)
        for entry in tree.iterdir():
            if not entry.is_symlink():
                tar.add(entry, f"usr/lib/modules/{kernel.release}/{entry.name}", filter=_owned_by_root)


def pack(folder, kernel, path):
    """Write the tar. A stage folder that isn't there is an empty one: the rig is of use before anything is built."""
    folder = Path(folder).resolve()
    temporary = path.with_suffix(".new")
    with tarfile.open(temporary, "w", format=tarfile.GNU_FORMAT) as tar:
        if folder.is_dir():
            for entry in sorted(folder.iterdir()):
                tar.add(entry, entry.name, filter=_owned_by_root)
            _depmod(tar, folder, kernel)
        else:
            say(f"nothing is staged: {folder} does not exist")
        if SUITES.is_dir():
            tar.add(SUITES, "opt/qtfs/suites", filter=_owned_by_root)
        for guide in (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))):
            tar.add(guide, f"opt/qtfs/docs/{guide.name}", filter=_owned_by_root)
    temporary.rename(path)
    return path


def missing_tools(arch):
    return [t for t in ("depmod", "mke2fs", "mmdebstrap", "qemu-system-x86_64", arch.qemu, "dpkg-deb", "apt-get",
                        arch.cc) if shutil.which(t, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None]


def require_tools(arch):
    if missing := missing_tools(arch):
        raise RigError(f"not installed: {' '.join(dict.fromkeys(missing))}")
