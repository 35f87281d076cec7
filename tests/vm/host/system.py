"""What whole systems have beside the guests' image: a read-only layer on top of it, made by this machine's processor in a
root put together of images, which is some ten times faster than in a guest."""
import os
import shlex
import tempfile
from pathlib import Path

from . import arch, cache, image
from .apt import SUITE, Apt
from .cache import RigError, command
from .kernel import DEBIAN, closure

PACKAGES = Path(__file__).parent.parent / "guest/system-packages"
# Mounts are of this process alone, and end with it.
NATIVE = """
set -eu
mkdir -p "$work"/{upper,work,root}
lower=
for image in $layers; do
	mkdir "$work/$(basename "$image").d"
	mount -o ro,loop "$image" "$work/$(basename "$image").d"
	lower=$work/$(basename "$image").d${lower:+:$lower}
done
mount -t overlay -o "lowerdir=$lower,upperdir=$work/upper,workdir=$work/work" root "$work/root"
mount -t tmpfs -o mode=0755 run "$work/root/run"
mount -t tmpfs -o mode=1777 tmp "$work/root/tmp"
mount -t proc proc "$work/root/proc"
mount --rbind /dev "$work/root/dev"
for folder in $folders; do
	mkdir -p "$work/root/tmp/$(basename "$folder")"
	mount --bind "$folder" "$work/root/tmp/$(basename "$folder")"
done
mv "$work/root/etc/resolv.conf" "$work/root/etc/resolv.conf.away" 2>/dev/null || :
cp /etc/resolv.conf "$work/root/etc/resolv.conf"
status=0
chroot "$work/root" /bin/bash -euc "$script" || status=$?
rm "$work/root/etc/resolv.conf"
mv "$work/root/etc/resolv.conf.away" "$work/root/etc/resolv.conf" 2>/dev/null || :
exit $status
"""


def native(layers, work, script, folders=()):
    """Run a script in a root of images, the lowest first. What it writes is in work/upper; folders are below /tmp there."""
    # Of this machine's environment nothing but what leads to the network: the rest is a guest's.
    env = {key: value for key, value in os.environ.items() if key.lower().endswith("_proxy")}
    env |= {"work": str(work), "layers": shlex.join(map(str, layers)), "script": script,
            "folders": shlex.join(map(str, folders)), "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8",
            "HOME": "/root", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    for word in (*layers, *folders):
        if " " in str(word):
            raise RigError(f"{word}: a path with a space in it")
    return command("unshare", "--mount", "bash", "-c", NATIVE, env=env)


def _headers(kernel, folder):
    """The Debian packages of the headers of a kernel."""
    apt = Apt(DEBIAN[kernel.name])
    folder.mkdir()
    command("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download",
            *closure(apt, [f"linux-headers-{kernel.release}"], r"linux-(headers-\d|kbuild-)"), cwd=folder, env=apt.env)


def get(kernel):
    """The layer, for one kernel."""
    if kernel.arch.foreign or kernel.name not in DEBIAN or DEBIAN[kernel.name] is not None:
        raise RigError(f"a whole system has {arch.X86_64.name}'s kernel of Debian's {SUITE}, not {kernel.name}")
    packages = [p for p in PACKAGES.read_text(encoding="ascii").split("\n") if p and not p.startswith("#")]
    base = image.get(arch.X86_64)

    def build(layer):
        with tempfile.TemporaryDirectory(dir=layer.parent) as work:
            debs = Path(work) / "debs"
            _headers(kernel, debs)
            native([base], work, f"""
                apt-get -q update
                apt-get -q -y purge 'linux-headers-*'
                apt-get -q -y install --no-install-recommends {' '.join(packages)} /tmp/debs/*.deb
                # Whoever installs something in a guest gets all of it, other than the image's packages.
                rm -f /etc/dpkg/dpkg.cfg.d/99mmdebstrap
                # DKMS may find in here what was compiled natively. Packages' scripts look for compilers in /usr/bin alone,
                # and have another locale.
                gcc=$(readlink -f /usr/bin/gcc-12)
                rm /usr/bin/gcc-12
                printf '%s\\n' '#!/bin/sh' "exec /usr/bin/ccache $gcc "'"$@"' >/usr/bin/gcc-12
                chmod 755 /usr/bin/gcc-12
                printf '%s\\n' 'cache_dir = /var/cache/ccache' 'compiler_check = content' 'sloppiness = locale' >/etc/ccache.conf
                apt-get -q clean
                rm -rf /var/lib/apt/lists/*
                """, [debs])
            cache.ext4_image(Path(work) / "upper", layer, spare_mb=8)

    name = f"system-{kernel.release}-{cache.digest(base.name, kernel.key, Path(__file__), PACKAGES)}.ext4"
    made = cache.make(name, build, "what whole systems have")
    cache.prune("system-*.ext4")
    return made
