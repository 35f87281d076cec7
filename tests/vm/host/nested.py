"""A guest inside a guest, which are a host and its guest to vsock: cid 2 and cid 10, and vhost_vsock between them.

The server's machine is emulated with AMD's virtualization and runs the client's with KVM, by a QEMU that the host has
packed for it. What the client's machine has of this host goes through the server's: its disks are the server's own, its
console is the server's second serial line, and its agent a second forwarded port.
"""
import re
import shlex
import subprocess
import tarfile
import time
from pathlib import Path

from . import cache
from .cache import RigError
from .arch import X86_64
from .guest import BOOT_LIMIT, Guest, free_port
from .session import GuestGone

CID = 10
AGENT = 5001            # of the inner guest, on the outer one's control card
FOLDER = "/opt/nested"
ROMS = ("/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/kvmvapic.bin", "/usr/share/qemu/linuxboot_dma.bin")
OUTER_MB = 512          # for QEMU, beside what each guest has
PID_TRUSTED = 2         # seconds
# KVM in the emulated processor gets the size of XSAVE's area wrong, and the kernel warns of it.
INNER_CPU = "host,-xsave"


def pack(kernel_image, initramfs):
    """QEMU with its libraries, and what it boots, as a tar."""
    qemu = Path(f"/usr/bin/{X86_64.qemu}")
    libraries = subprocess.run(["ldd", qemu], capture_output=True, text=True, check=True).stdout
    files = {"qemu": qemu, "vmlinuz": Path(kernel_image), "initramfs": Path(initramfs)}
    files |= {f"share/{Path(rom).name}": Path(rom) for rom in ROMS}
    files |= {f"lib/{Path(path).name}": Path(path)
              for path in re.findall(r"(/\S+) \(0x", libraries)}

    def build(path):
        with tarfile.open(path, "w") as tar:
            for name, file in files.items():
                tar.add(file.resolve(), f"nested/{name}")

    version = subprocess.run([qemu, "--version"], capture_output=True, text=True, check=True).stdout
    tar = cache.make(f"nested-{cache.digest(version, str(kernel_image), str(initramfs), Path(__file__))}.tar", build)
    cache.prune("nested-*.tar")
    return tar


class OuterGuest(Guest):
    """The server's machine, in which the other one runs."""

    def _args(self, port):
        c = self.config
        args = super()._args(port)
        inner = free_port()
        (self.folder / "client.port").write_text(str(inner), encoding="ascii")
        args[args.index("-cpu") + 1] = f"{X86_64.cpu},+svm"
        args[args.index("-m") + 1] = str(2 * c["mem"] + OUTER_MB)
        at = next(i for i, word in enumerate(args) if "id=ctl," in word)
        args[at] += f",hostfwd=tcp:127.0.0.1:{inner}-10.0.2.15:{AGENT}"
        return args + ["-chardev", f"file,id=inner,path={self.folder}/client.console,append=on",
                       "-serial", "chardev:inner",
                       "-drive", f"file={c['nested']},format=raw,if=none,id=nested,readonly=on",
                       "-device", "virtio-blk-pci,drive=nested,serial=nested"]


class InnerProcess:
    """QEMU in the outer guest; looks like guest.Process."""

    def __init__(self, outer):
        self.outer = outer
        self._seen = (0, None)

    def _ask(self, command):
        if self.outer.process.pid is None:
            return None
        try:
            return self.outer.output(command, timeout=20)[1].strip()
        except (GuestGone, OSError):
            return None

    @property
    def pid(self):
        at, pid = self._seen
        if time.monotonic() > at + PID_TRUSTED:
            pid = self._ask("pid=$(cat /run/nested.pid) && kill -0 $pid && echo $pid")
            self._seen = (time.monotonic(), pid)
        return pid or None

    def wait(self, limit):
        end = time.monotonic() + limit
        self._seen = (0, None)
        while self.pid is not None and time.monotonic() < end:
            time.sleep(0.2)
            self._seen = (0, None)
        return self.pid is None

    def kill(self):
        self._ask("kill -KILL $(cat /run/nested.pid); rm /run/nested.pid")
        self._seen = (0, None)


class InnerGuest(Guest):
    """The client's machine."""

    def __init__(self, folder, name, config, outer):
        super().__init__(folder, name, config)
        self.outer = outer
        self.process = InnerProcess(outer)

    def _inner_args(self, disks):
        c = self.config
        args = [f"{FOLDER}/lib/ld-linux-x86-64.so.2", "--library-path", f"{FOLDER}/lib", f"{FOLDER}/qemu",
                "-L", f"{FOLDER}/share", "-M", "q35", "-accel", "kvm", "-cpu", INNER_CPU, "-m", str(c["mem"]),
                "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                "-kernel", f"{FOLDER}/vmlinuz", "-initrd", f"{FOLDER}/initramfs", "-append", self._append(),
                "-chardev", "serial,id=console,path=/dev/ttyS1", "-serial", "chardev:console",
                "-device", f"vhost-vsock-pci,guest-cid={CID}",
                "-netdev", f"user,id=ctl,restrict=on,hostfwd=tcp:10.0.2.15:{AGENT}-10.0.2.15:5000",
                "-device", "virtio-net-pci,netdev=ctl,mac=52:54:00:77:00:ff,romfile=",
                "-netdev", "tap,id=link,ifname=link0,script=no,downscript=no",
                "-device", "virtio-net-pci,netdev=link,mac=52:54:00:77:00:02,romfile=",
                "-daemonize", "-pidfile", "/run/nested.pid"]
        for serial in ("base", "modules", "stage"):
            args += ["-drive", f"file={disks[serial]},format=raw,if=none,id={serial},readonly=on",
                     "-device", f"virtio-blk-pci,drive={serial},serial={serial}"]
        return args

    def start(self):
        self.started = time.monotonic()
        with open(self.console, "ab") as console:
            console.write(b"\nrig: power on\n")
            self.console_start = console.tell()
        _, text = self.outer.output("for s in /sys/block/vd*/serial; do echo $(cat $s) /dev/$(basename ${s%/serial}); done")
        disks = dict(line.split() for line in text.splitlines())
        status, text = self.outer.output(
            f"[ -d {FOLDER} ] || {{ tar -x -f {disks['nested']} -C /opt && modprobe -a kvm-amd vhost_vsock tun && "
            "ip tuntap add dev link0 mode tap && ip addr add 10.77.0.1/24 dev link0 && ip link set link0 up; } && "
            + shlex.join(self._inner_args(disks)) + " 2>&1", timeout=BOOT_LIMIT)
        if status:
            raise RigError(f"{self.name}: QEMU does not start in {self.outer.name}: {text.strip()}")
        self.process.wait(0)
