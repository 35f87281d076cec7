"""The guests' user land: one read-only ext4 image, shared by all guests and all rigs."""
from pathlib import Path

from . import cache
from .apt import MIRROR

SUITE = "bookworm"
PACKAGES = Path(__file__).parent.parent / "guest/packages"
# Nobody reads manuals in a guest, and PostgreSQL does without its compiler of queries if that isn't there, which with LLVM is
# larger than the rest of it: without them the image is smaller and quicker made. Of containerd's shims one is enough.
WITHOUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*",
           "/usr/lib/postgresql/*/lib/bitcode/*", "/usr/lib/postgresql/*/lib/llvmjit*", "/usr/lib/*/libLLVM*",
           "/usr/lib/*/libz3.so*", "/usr/lib/llvm-*", "/usr/bin/containerd-shim", "/usr/bin/containerd-shim-runc-v1",
           "/usr/lib/*/libcrun.a")


def get():
    packages = [p for p in PACKAGES.read_text(encoding="ascii").split("\n") if p and not p.startswith("#")]

    def build(image):
        root = image.with_name("root")
        cache.command("mmdebstrap", "--variant=minbase", "--include=" + ",".join(packages),
                      *(f"--dpkgopt=path-exclude={path}" for path in WITHOUT), SUITE, root, MIRROR)
        cache.ext4_image(root, image, spare_mb=32)

    name = f"guest-{cache.digest(' '.join(packages), SUITE, ' '.join(WITHOUT))}.ext4"
    image = cache.make(name, build, "the guest image")
    for pattern in ("guest-*.ext4", "modules-*.ext4", "initramfs-*.cpio"):
        cache.prune(pattern)
    return image
