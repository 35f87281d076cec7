"""The guests' user land: one read-only ext4 image, shared by all guests and all rigs."""
from pathlib import Path

from . import cache, foreign
from .apt import MIRROR, SUITE

PACKAGES = Path(__file__).parent.parent / "guest/packages"
# Nobody reads manuals in a guest, and PostgreSQL does without its compiler of queries if that isn't there, which with LLVM is
# larger than the rest of it: without them the image is smaller and quicker made. Of containerd's shims one is enough.
WITHOUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*",
           "/usr/lib/postgresql/*/lib/bitcode/*", "/usr/lib/postgresql/*/lib/llvmjit*", "/usr/lib/*/libLLVM*",
           "/usr/lib/*/libz3.so*", "/usr/lib/llvm-*", "/usr/bin/containerd-shim", "/usr/bin/containerd-shim-runc-v1",
           "/usr/lib/*/libcrun.a")


def get(arch):
    packages = [p.replace("$ARCH", arch.debian) for p in PACKAGES.read_text(encoding="ascii").split("\n")
                if p and not p.startswith("#")]
    without = [f"--dpkgopt=path-exclude={path}" for path in WITHOUT]
    parts = [" ".join(packages), SUITE, " ".join(WITHOUT)]
    if arch.foreign:
        parts.append(Path(foreign.__file__))

    def build(image):
        root = image.with_name("root")
        if arch.foreign:
            foreign.unpack(root, arch, packages, "--include=?essential", *without)
            foreign.configure(root)
        else:
            cache.command("mmdebstrap", "--variant=minbase", "--include=" + ",".join(packages), *without, SUITE, root,
                          MIRROR)
        cache.ext4_image(root, image, spare_mb=32)

    image = cache.make(f"guest-{cache.digest(*parts)}.ext4", build, f"the guest image for {arch.name}")
    for pattern in ("guest-*.ext4", "modules-*.ext4", "initramfs-*.cpio"):
        cache.prune(pattern)
    return image
