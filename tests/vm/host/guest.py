"""One guest: a QEMU process, known by its state folder and its role."""
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from . import arch as arches, session
from .cache import RigError
from .suites import SLOW

READY = b"rig: ready"
WINDOW_BYTES = 16 << 20
WINDOW_VECTORS = 5
BOOT_LIMIT = int(os.environ.get("QTFS_BOOT_LIMIT") or 180 * SLOW)


def free_port():
    """A TCP port of this host that was free a moment ago; start() tries another if somebody was quicker."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tsc_khz():
    """Told to guests, which else calibrate against emulated timers and run fast or slow on a loaded host."""
    try:
        log = subprocess.run(["dmesg"], capture_output=True, text=True, check=False).stdout
        if found := re.search(r"tsc: Detected ([0-9.]+) MHz", log):
            return int(float(found.group(1)) * 1000)
    except OSError:
        pass
    found = re.search(r"^cpu MHz\s*: ([0-9.]+)", Path("/proc/cpuinfo").read_text(encoding="ascii"), re.M)
    return int(float(found.group(1)) * 1000) if found else None


# In virtual time an instruction takes a nanosecond, and the time stamp counter counts those.
ICOUNT_KHZ = 1000000


def start_time(pid):
    """When a process started: with the pid this names it for good. None: there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[19])


class Process:
    """A background QEMU, remembered in a file so that any later rig command finds, and only finds, that one."""

    def __init__(self, folder, name):
        self.folder = folder
        self.name = name
        self.file = folder / f"{name}.process"

    def spawn(self, args, qemu=arches.X86_64.qemu):
        pidfile = self.folder / f"{self.name}.pid"
        pidfile.unlink(missing_ok=True)
        done = subprocess.run([qemu, *args, "-daemonize", "-pidfile", str(pidfile)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise RigError(f"{self.name}: QEMU does not start: {done.stdout.strip()}")
        self._remember(int(pidfile.read_text(encoding="ascii")))

    def spawn_python(self, program, *words):
        """One of our own programs instead."""
        with open(self.folder / f"{self.name}.log", "w", encoding="utf-8") as log:
            child = subprocess.Popen([sys.executable, str(program), *map(str, words)], stdin=subprocess.DEVNULL,
                                     stdout=log, stderr=log, start_new_session=True)
        self._remember(child.pid)

    def _remember(self, pid):
        self.file.write_text(json.dumps([pid, start_time(pid)]), encoding="ascii")

    @property
    def pid(self):
        """The running process, or None."""
        try:
            pid, started = json.loads(self.file.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return None
        return pid if started is not None and start_time(pid) == started else None

    def wait(self, limit):
        """Wait for its end; False if it still runs."""
        end = time.monotonic() + limit
        while self.pid is not None:
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def kill(self):
        if (pid := self.pid) is not None:
            os.kill(pid, signal.SIGKILL)
            self.wait(10)


class Guest:
    """config: what Rig decided once (kernel, images, memory ...), the same at every boot."""

    def __init__(self, folder, name, config):
        self.folder = Path(folder)
        self.name = name
        self.config = config
        self.arch = arches.get(config.get("arch"))
        self.process = Process(self.folder, name)
        self.console = self.folder / f"{name}.console"
        self.port_file = self.folder / f"{name}.port"

    @property
    def port(self):
        if self.process.pid is None:
            raise RigError(f"guest {self.name} is not running")
        return int(self.port_file.read_text(encoding="ascii"))

    def _append(self):
        c = self.config
        words = [self.arch.cmdline, "panic=-1", "mitigations=off", "slab_nomerge", "random.trust_cpu=on",
                 "net.ifnames=0", "log_buf_len=4M",
                 # A loaded host makes guests slow: only what takes really long is a lockup.
                 "sysctl.kernel.watchdog_thresh=30", "sysctl.kernel.hung_task_timeout_secs=60",
                 "rcupdate.rcu_cpu_stall_timeout=60",
                 f"rig.role={self.name}", f"rig.guests={c['guests']}", f"rig.trans={c['trans']}",
                 f"rig.name={c['name']}", f"rig.slow={math.ceil(SLOW)}"]
        if self.arch.counts_tsc and (khz := ICOUNT_KHZ if c["icount"] else tsc_khz()):
            words.append(f"tsc_early_khz={khz}")
        # Below warnings, the boot is silent on the console: a serial line is slow. guest/setup opens it up afterwards.
        words.append("loglevel=7 nokaslr" if c["debug"] else "loglevel=5")
        return " ".join([*words, c["kernel_cmdline"], c["append"]])

    def _args(self, port):
        c = self.config

        def disk(serial, path, readonly=True):
            return ["-drive", f"file={path},format=raw,if=none,id={serial},readonly={'on' if readonly else 'off'},"
                              f"cache=unsafe,aio=threads",
                    "-device", f"virtio-blk-pci,drive={serial},serial={serial}"]

        accel = ["tcg,thread=single", "-icount", "shift=0,sleep=off"] if c["icount"] else ["tcg,thread=multi"]
        args = ["-name", f"{c['name']}-{self.name}", "-M", self.arch.machine, "-accel", *accel,
                "-cpu", self.arch.cpu, "-m", str(c["mem"]), "-smp", str(c["smp"]),
                "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                "-kernel", c["kernel_image"], "-initrd", c["initramfs"], "-append", self._append(),
                "-chardev", f"file,id=console,path={self.console},append=on", "-serial", "chardev:console",
                "-qmp", f"unix:{self.folder}/{self.name}.qmp,server=on,wait=off",
                # The host's way in. restrict=on: nothing but the forwarded port, the guest reaches nobody.
                "-netdev", f"user,id=ctl,restrict=on,hostfwd=tcp:127.0.0.1:{port}-10.0.2.15:5000",
                "-device", "virtio-net-pci,netdev=ctl,mac=52:54:00:77:00:ff,romfile="]
        args += disk("base", c["base"]) + disk("modules", c["modules"]) + disk("stage", c["stage_tar"])
        if self.name == "server" or c["guests"] == 1:
            args += disk("scratch", self.folder / "scratch.ext4", readonly=False)
        if c.get("layer"):
            args += disk("layer", c["layer"])
        if c.get("system"):
            args += disk("system", self.folder / f"{self.name}.system.ext4", readonly=False)
        if c["guests"] == 2 and not c.get("nested"):
            mac = "52:54:00:77:00:01" if self.name == "server" else "52:54:00:77:00:02"
            args += ["-netdev", f"stream,id=link,server=off,addr.type=unix,addr.path={self.folder}/hub.{self.name}",
                     "-device", f"virtio-net-pci,netdev=link,mac={mac},romfile="]
        if c["trans"] == "pcie":
            # One guest is both sides, and somebody who shares their window and is neither.
            for n in range(3 if c["guests"] == 1 else 1):
                args += ["-chardev", f"socket,id=window{n},path={self.folder}/window.sock",
                         "-device", f"ivshmem-doorbell,chardev=window{n},vectors={WINDOW_VECTORS}"]
        if c["debug"]:
            args += ["-gdb", f"unix:{self.folder}/{self.name}.gdb,server=on,wait=off"]
        return args

    def start(self):
        if self.process.pid is not None:
            raise RigError(f"guest {self.name} is running already")
        self.started = time.monotonic()
        with open(self.console, "ab") as console:
            console.write(b"\nrig: power on\n")
            self.console_start = console.tell()
        for attempt in range(5):
            port = free_port()
            try:
                self.process.spawn(self._args(port), self.arch.qemu)
            except RigError as error:
                if "host forwarding rule" not in str(error) or attempt == 4:
                    raise
                continue
            self.port_file.write_text(str(port), encoding="ascii")
            return

    def wait_ready(self):
        """Until the agent listens; the seconds since start()."""
        end = time.monotonic() + BOOT_LIMIT
        with open(self.console, "rb") as console:
            console.seek(self.console_start)
            seen = b""
            while READY not in seen:
                seen += console.read()
                if self.process.pid is None:
                    raise RigError(f"guest {self.name} died while it booted; its console ends:\n{self.tail()}")
                if time.monotonic() > end:
                    raise RigError(f"guest {self.name} not ready after {BOOT_LIMIT} s; its console:\n{self.tail()}")
                time.sleep(0.02)
        return time.monotonic() - self.started

    def tail(self, lines=20):
        return "\n".join(self.console.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def run(self, command, **options):
        return session.run(self.port, command, **options)

    def output(self, command, timeout=60):
        return session.output(self.port, command, timeout)

    def power_off(self, limit=15):
        """Cleanly if it still can, else by force. False if force was needed."""
        if self.process.pid is None:
            return True
        try:
            self.output("/rig/halt", timeout=limit)
        except (session.GuestGone, OSError):
            pass
        if self.process.wait(limit):
            return True
        self.process.kill()
        return False
