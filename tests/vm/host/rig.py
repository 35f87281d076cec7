"""A rig: one or two guests under a name, with all its run-time state in one folder."""
import json
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

from . import arch, cache, debug as debug_kernel, image, initramfs, kernel, layer as layers, nested, qmp, stage
from . import system as system_layer
from .cache import RigError, command
from .guest import WINDOW_BYTES, WINDOW_VECTORS, Guest, Process

ROLES = ("server", "client")


def state_root():
    # Not $XDG_RUNTIME_DIR: it is a small tmpfs where it exists, and the scratch disk lives here.
    root = Path(os.environ.get("QTFS_RIGS") or f"{tempfile.gettempdir()}/qtfs-rig-{os.getuid()}")
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_ISLNK(root.lstat().st_mode) or root.stat().st_uid != os.getuid():
        raise RigError(f"{root} is not mine")
    return root


def names():
    return sorted(p.parent.name for p in state_root().glob("*/config.json"))


def trans():
    return os.environ.get("TRANS") or "tcp"


class Rig:
    def __init__(self, name):
        if not name or "/" in name or len(name) > 32:
            raise RigError(f"bad name of a rig: {name!r}")
        self.name = name
        self.folder = state_root() / name
        self.hub = Process(self.folder, "hub")
        self.window = Process(self.folder, "window")
        self._config = None

    @property
    def config(self):
        if self._config is None:
            try:
                self._config = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
            except FileNotFoundError:
                raise RigError(f"no rig is called {self.name}; there are: {' '.join(names()) or 'none'}") from None
        return self._config

    @property
    def guests(self):
        """One-guest rigs call their guest `client`; it plays both roles."""
        if self.config.get("nested"):
            server = nested.OuterGuest(self.folder, "server", self.config)
            return [server, nested.InnerGuest(self.folder, "client", self.config, server)]
        roles = ROLES if self.config["guests"] == 2 else ("client",)
        return [Guest(self.folder, role, self.config) for role in roles]

    def guest(self, role):
        if role not in ROLES:
            raise RigError(f"unknown role {role}: {' or '.join(ROLES)}")
        return self.guests[-1 if role == "client" else 0]

    @property
    def alive(self):
        if not (self.folder / "config.json").exists():
            return False
        self._config = None         # another process may have made it anew
        return any(g.process.pid for g in self.guests)

    def up(self, guests=1, mem=None, smp=None, disk=2048, debug=False, stage_folder=None, append="",
           icount=False, system=False, layer=None):
        """Boot. Returns the seconds until all were ready."""
        stage.require_tools(arch.get())
        with cache.lock(state_root() / f".{self.name}.lock"):
            if self.alive:
                raise RigError(f"rig {self.name} is up already (rig down {self.name})")
            if system and layer:
                raise RigError("a whole system has a layer of its own")
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir()
            k = kernel.get()
            if k.arch.foreign and (system or layer):
                raise RigError(f"this machine can't install packages for {k.arch.name}: no layers, no whole systems")
            self._config = {
                "name": self.name, "guests": guests, "mem": mem or (2048 if k.name == "debug" else 1024),
                "smp": 1 if icount else smp or (2 if guests == 1 else 1), "nested": None,
                "icount": icount, "debug": debug, "append": append, "trans": trans(),
                "system": system,
                "layer": str(system_layer.get(k)) if system else str(layers.get(layer)) if layer else None,
                "arch": k.arch.name, "kernel": str(k.folder), "release": k.release, "kernel_image": str(k.image),
                "kernel_cmdline": debug_kernel.CMDLINE if k.name == "debug" else "",
                "modules": str(k.modules_image()), "initramfs": str(initramfs.get(k)), "base": str(image.get(k.arch)),
                "stage": str(Path(stage_folder or stage.default()).resolve()),
                "stage_tar": str(self.folder / "stage.tar"),
            }
            if guests == 2 and trans() == "vsock":
                if system or layer or k.arch.foreign:
                    raise RigError("a guest in a guest is no whole system, has no layer, and is x86_64")
                self._config["nested"] = str(nested.pack(k.image, self._config["initramfs"]))
            stage.pack(self.config["stage"], k, Path(self.config["stage_tar"]))
            self._make_disk("scratch", disk)
            if system:
                for guest in self.guests:
                    self._make_disk(f"{guest.name}.system", disk)
            (self.folder / "config.json").write_text(json.dumps(self.config, indent=1), encoding="utf-8")
            try:
                return self._boot_all()
            except BaseException:
                self.kill()
                raise

    def _boot_all(self):
        if self.config.get("nested"):
            return sum(self.boot(role) for role in ROLES)
        if self.config["guests"] == 2:
            self._start_hub()
        if self.config["trans"] == "pcie":
            self._start_window()
        guests = self.guests
        for guest in guests:
            guest.start()
        return max(guest.wait_ready() for guest in guests)

    def _make_disk(self, label, megabytes):
        path = self.folder / f"{label}.ext4"
        with open(path, "wb") as sparse:
            sparse.truncate(megabytes << 20)
        command("mke2fs", "-q", "-F", "-t", "ext4", "-L", label, "-E", "lazy_itable_init=1,lazy_journal_init=1",
                path)

    def _start_hub(self):
        """The cable: an idle QEMU that only joins two sockets. A guest connects to it, so either may be cut off and
        booted again at will; joined directly, the one that listens could not."""
        args = ["-name", f"{self.name}-hub", "-M", "none", "-nodefaults", "-no-user-config", "-display", "none",
                "-qmp", f"unix:{self.folder}/hub.qmp,server=on,wait=off"]
        for role in ROLES:
            args += ["-netdev", f"stream,id={role},server=on,addr.type=unix,addr.path={self.folder}/hub.{role}",
                     "-netdev", f"hubport,hubid=0,id=port-{role},netdev={role}"]
        self.hub.spawn(args)

    def _start_window(self):
        """The memory that TRANS=pcie shares, and its doorbells."""
        path = self.folder / "window.sock"
        self.window.spawn_python(Path(__file__).with_name("ivshmem.py"), path, WINDOW_BYTES, WINDOW_VECTORS)
        end = time.monotonic() + 20
        while not path.exists():
            if self.window.pid is None or time.monotonic() > end:
                raise RigError(f"the window's server does not start: {(self.folder / 'window.log').read_text()}")
            time.sleep(0.02)

    def boot(self, role):
        """Boot one guest again, on the same scratch disk."""
        guest = self.guest(role)
        guest.start()
        return guest.wait_ready()

    def link(self, up):
        """Cut the cable silently, as a broken switch would: no guest sees its carrier go."""
        if self.config["guests"] != 2 or self.config.get("nested"):
            raise RigError("these guests have no cable")
        qmp.execute(self.folder / "hub.qmp", "set_link", name="port-server", up=up)

    def restage(self):
        """Pack the stage anew and push it into the running guests (and what boots later)."""
        k = kernel.Kernel(self.config["kernel"], self.config["kernel"], arch.get(self.config.get("arch")))
        tar = stage.pack(self.config["stage"], k, Path(self.config["stage_tar"]))
        for guest in self.guests:
            if guest.process.pid is not None:
                with open(tar, "rb") as source:
                    if guest.run("/rig/unstage", stdin=source.fileno(), timeout=120):
                        raise RigError(f"restage of {guest.name} failed")

    def down(self):
        """Power off. The logs stay until the name is used again. The guests that had to be killed."""
        forced = [g.name for g in reversed(self.guests) if not g.power_off()]
        self.kill()
        return forced

    def kill(self):
        for guest in self.guests:
            guest.process.kill()
        self.hub.kill()
        self.window.kill()
        for path in (*self.folder.glob("*.ext4"), self.folder / "stage.tar"):
            path.unlink(missing_ok=True)
