"""Guest kernels. Whatever its origin, a kernel is a folder with

    vmlinuz
    lib/modules/RELEASE/            modules, with depmod's files
    lib/modules/RELEASE/build       the build folder for modules (optional; `rig kdir`)

KERNEL names one: 6.1 (the default), 5.10, 6.12, newest are Debian's; debug is built from Debian's sources (debug.py);
anything with a slash is such a folder itself. All are for the processor that ARCH names."""
import lzma
import os
import re
import shutil
import subprocess
from pathlib import Path

from . import arch as arches, cache, debug
from .apt import Apt, localize
from .cache import RigError, command

# The suite each is from; None is the machine's own.
DEBIAN = {"5.10": "bullseye", "6.1": None, "6.12": "trixie", "newest": "sid"}
# What a kernel may have been configured with and our compiler may not know: (option, source) to try.
ABILITIES = {
    "CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT": ("-fmin-function-alignment=16", ""),
    "CONFIG_CC_HAS_COUNTED_BY": ("-Werror", "struct s { int n; char a[] __attribute__((counted_by(n))); };"),
    "CONFIG_CC_HAS_COUNTED_BY_PTR": ("-Werror", "struct s { int n; char *a __attribute__((counted_by(n))); };"),
}


class Kernel:
    def __init__(self, name, folder, arch):
        self.name = name
        self.arch = arch
        self.folder = Path(folder).resolve()
        found = sorted((self.folder / "lib/modules").glob("*/modules.order"))
        if len(found) != 1 or not self.image.exists():
            raise RigError(f"{folder}: not a kernel folder (needs vmlinuz and one lib/modules/RELEASE)")
        self.modules = found[0].parent
        self.release = self.modules.name

    @property
    def image(self):
        return self.folder / "vmlinuz"

    @property
    def kdir(self):
        build = self.modules / "build"
        if not (build / "Makefile").exists():
            raise RigError(f"kernel {self.name} has no build folder ({build})")
        return build.resolve()

    @property
    def key(self):
        """Changes when the kernel does (a folder of one's own may be rebuilt in place)."""
        stat = self.image.stat()
        return cache.digest(f"{self.folder} {stat.st_size} {stat.st_mtime_ns}", self.modules / "modules.order")

    def modules_image(self):
        """The modules as an overlay layer: /usr/lib/modules/RELEASE."""
        def build(image):
            layer = image.with_name("layer")
            shutil.copytree(self.modules, layer / "usr/lib/modules" / self.release, symlinks=True,
                            ignore=lambda *_: ("build", "source"))
            cache.ext4_image(layer, image)
        return cache.make(f"modules-{self.release}-{self.key}.ext4", build)

    def closure(self, names):
        """These modules and what they need, as (file name, content), in the order of insmod. What isn't there as a
        module is taken to be built in."""
        needs = {}
        for line in (self.modules / "modules.dep").read_text(encoding="ascii").splitlines():
            path, _, rest = line.partition(":")
            needs[re.sub(r"\.ko.*", "", Path(path).name).replace("-", "_")] = (path, rest.split())
        order = []
        for name in names:
            path, rest = needs.get(name, (None, []))
            for module in [*reversed(rest), path]:
                if module and module not in order:
                    order.append(module)
        return [(re.sub(r"\.ko.*", ".ko", Path(m).name), self._plain(self.modules / m)) for m in order]

    @staticmethod
    def _plain(path):
        data = path.read_bytes()
        return lzma.decompress(data) if path.suffix == ".xz" else data


def _edit(files, change):
    for path in files:
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def _relocate(folder):
    """Debian's headers expect to live in /usr/src and /usr/lib: make what is absolute point into this folder."""
    localize(folder)
    # The last of MAKEFILE_LIST is the Makefile itself: so the tree may be renamed afterwards.
    here = "headers_of_rig := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/..)\n"
    _edit((p for p in (folder / "usr/src").glob("linux-headers-*/Makefile") if p.stat().st_size < 1000),
          lambda text: here + text.replace("/usr/src/", "$(headers_of_rig)/"))


def _fit_compiler(folder, arch):
    """Build with this suite's compiler what was configured for that of another one."""
    headers = folder / "usr/src"
    for name in set(re.findall(r"\bgcc-\d+\b", "".join(
            p.read_text(encoding="utf-8") for p in headers.glob("linux-headers-*/.kernelvariables")))):
        if not shutil.which(arch.cross + name):
            _edit(headers.glob("linux-headers-*/.kernelvariables"),
                  lambda text, name=name: text.replace(name, "gcc"))
    for symbol, (option, source) in ABILITIES.items():
        known = subprocess.run([arch.cc, option, "-S", "-o", "/dev/null", "-x", "c", "-"], input=source, text=True,
                               capture_output=True, check=False)
        if known.returncode:
            line = re.compile(rf"^(#define )?{symbol}\b.*\n", re.M)
            _edit([*headers.glob("linux-headers-*/include/config/auto.conf"),
                   *headers.glob("linux-headers-*/include/generated/autoconf.h")],
                  lambda text, line=line: line.sub("", text))


def _fit_tools(folder, apt, packages, work):
    """A newer suite's kbuild programs need that suite's libraries: give them those, by a wrapper around each."""
    tools = [p for p in (folder / "usr/lib").glob("linux-kbuild-*/**/*") if p.is_file() and not p.is_symlink()
             and os.access(p, os.X_OK) and p.read_bytes()[:4] == b"\x7fELF"]
    tools = [p for p in tools if "not found" in subprocess.run(
        ["ldd", p], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout]
    if not tools:
        return
    libraries = closure(apt, [p for p in packages if p.startswith("linux-kbuild-")], r"lib|zlib")
    apt.unpack([p for p in libraries if p not in packages], folder / "runtime", work)
    for tool in tools:
        binary = tool.with_name(tool.name + ".elf")
        tool.rename(binary)
        up = os.path.relpath(folder / "runtime", tool.parent)
        tool.write_text(f"""#!/bin/sh
# This program needs a newer C library than the machine may have.
here=$(dirname "$(readlink -f "$0")")
run=$here/{up}
lib=usr/lib/x86_64-linux-gnu
exec "$run/$lib/ld-linux-x86-64.so.2" --library-path "$run/$lib" "$here/{binary.name}" "$@"
""", encoding="utf-8")
        tool.chmod(0o755)


def closure(apt, packages, pattern):
    """Packages, and those of their dependencies, direct or not, whose names match."""
    found = list(packages)
    for package in found:
        found += [d for d in apt.depends(package) if re.match(pattern, d) and d not in found]
    return found


def _download(name, arch, folder):
    apt = Apt(DEBIAN[name], arch.debian)
    apt.update()
    # The meta packages say which version is the newest; they are empty themselves.
    packages = closure(apt, [f"linux-{part}-cloud-{arch.debian}" for part in ("image", "headers")],
                       r"linux-((image|base|binary|modules|headers)-\d|kbuild-)")[2:]
    work = folder.with_name("debs")
    apt.unpack(packages, folder, work)
    if (folder / "usr/lib/modules").exists():           # merged /usr, since trixie
        shutil.rmtree(folder / "lib", ignore_errors=True)
        (folder / "lib").symlink_to("usr/lib")
    modules = next((folder / "lib/modules").glob("*/modules.order")).parent
    release = modules.name
    vmlinuz, = [*folder.glob("boot/vmlinuz-*"), *modules.glob("vmlinuz")]
    vmlinuz.rename(folder / "vmlinuz")
    for types in (folder / "usr/src").glob("linux-headers-*/vmlinux"):
        types.unlink()                  # type information for modules: made by a tool that this machine may lack
    _relocate(folder)
    _fit_compiler(folder, arch)
    _fit_tools(folder, apt, packages, work)
    if not (modules / "build").exists():
        (modules / "build").unlink(missing_ok=True)
        (modules / "build").symlink_to(os.path.relpath(folder / "usr/src" / f"linux-headers-{release}", modules))
    for extra in ("boot", "usr/share"):
        shutil.rmtree(folder / extra, ignore_errors=True)
    command("depmod", "-b", folder, release)


def get(name=None):
    name = name or os.environ.get("KERNEL") or "6.1"
    arch = arches.get()
    if "/" in name:
        return Kernel(name, name, arch)
    if name == "debug" and not arch.foreign:
        return Kernel(name, debug.get(), arch)
    if name not in DEBIAN:
        raise RigError(f"unknown KERNEL {name} for {arch.name}: {' '.join(DEBIAN)}, debug, or a folder")
    cached = f"{name}-{arch.debian}" if arch.foreign else name
    folder = cache.make(f"kernel-{cached}", lambda made: _download(name, arch, made), f"kernel {cached}")
    return Kernel(name, folder, arch)
