"""The initramfs: busybox, the few modules that find the disks, the agent and the rig's guest scripts."""
import shutil
from pathlib import Path

from . import cache
from .apt import Apt
from .cache import RigError, command

GUEST = Path(__file__).parent.parent / "guest"
MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "overlay", "ext4")
SCRIPTS = ("setup", "unstage", "serve", "halt", "unload", "inittab", "rig-setup.service", "rig-agent.service")


def _entry(number, name, mode, data=b""):
    """One member of a "newc" cpio archive."""
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def _archive(path, members):
    with open(path, "wb") as out:
        for number, (name, mode, data) in enumerate([*members, ("TRAILER!!!", 0, b"")], 1):
            out.write(_entry(number, name, mode, data))


def _agent(arch):
    """The agent, compiled. Static: it runs before and beside any user land."""
    source = GUEST / "agent.c"
    return cache.make(f"agent-{arch.cross}{cache.digest(source)}", lambda binary: command(
        arch.cc, "-Wall", "-O2", "-static", "-s", "-o", binary, source))


def _busybox(arch):
    """Debian's busybox-static, installed on this machine or unpacked."""
    if not arch.foreign:
        return Path("/bin/busybox")

    def unpack(binary):
        apt = Apt(architecture=arch.debian)
        apt.update()
        folder = binary.with_name("package")
        apt.unpack([f"busybox-static:{arch.debian}"], folder, binary.with_name("debs"))
        (folder / "bin/busybox").rename(binary)

    return cache.make(f"busybox-{arch.debian}", unpack)


def get(kernel):
    arch = kernel.arch
    busybox = _busybox(arch)
    if not busybox.exists() or shutil.which(arch.cc) is None:
        raise RigError(f"the rig needs busybox-static and {arch.cc}")
    agent = _agent(arch)
    sources = [GUEST / "initramfs-init", *(GUEST / s for s in SCRIPTS)]

    def build(path):
        modules = kernel.closure(MODULES)
        members = [(name, 0o40755, b"") for name in
                   ("bin", "dev", "proc", "sys", "guest", "modules")]
        members += [("init", 0o100755, (GUEST / "initramfs-init").read_bytes()),
                    ("bin/busybox", 0o100755, busybox.read_bytes()),
                    ("bin/sh", 0o120777, b"busybox"),
                    ("agent", 0o100755, agent.read_bytes()),
                    ("modules/order", 0o100644, "".join(f"{name}\n" for name, _ in modules).encode())]
        members += [(f"modules/{name}", 0o100644, data) for name, data in modules]
        members += [(f"guest/{s}", 0o100755, (GUEST / s).read_bytes()) for s in SCRIPTS]
        _archive(path, members)

    key = cache.digest(kernel.key, agent, busybox, Path(__file__), *sources)
    return cache.make(f"initramfs-{kernel.release}-{key}.cpio", build)
