"""Debian packages, downloaded and unpacked, never installed. The machine's own apt configuration serves its own suite;
any other suite or architecture gets a private one, so that the machine's package lists and sources stay as they are."""
import os
import re
from pathlib import Path

from .cache import ROOT, RigError, command, say

MIRROR = os.environ.get("QTFS_MIRROR") or "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SUITE = "bookworm"          # of guests, unless one is named
NATIVE = "amd64"


class Apt:
    """suite None: the machine's own. Of another architecture come those packages that this machine's doesn't have, or
    whose name ends in it (NAME:arm64): programs of kbuild, which are to run here, are this machine's."""

    def __init__(self, suite=None, architecture=NATIVE):
        self.env = dict(os.environ, LC_ALL="C.UTF-8")
        self.fresh = False
        if suite or architecture != NATIVE:
            self.env["APT_CONFIG"] = str(self._private(suite or SUITE, architecture))

    @staticmethod
    def _private(suite, architecture):
        top = ROOT / (f"apt-{suite}" if architecture == NATIVE else f"apt-{suite}-{architecture}")
        for sub in ("state/lists/partial", "cache/archives/partial", "etc/preferences.d", "etc/apt.conf.d"):
            (top / sub).mkdir(parents=True, exist_ok=True)
        (top / "state/status").touch()
        (top / "etc/sources.list").write_text(f"deb [signed-by={KEYRING}] {MIRROR} {suite} main\n", encoding="ascii")
        conf = top / "apt.conf"
        conf.write_text(f'''Dir::Etc "{top}/etc";
Dir::Etc::sourceparts "-";
Dir::State "{top}/state";
Dir::State::status "{top}/state/status";
Dir::Cache "{top}/cache";
APT::Architecture "{NATIVE}";
APT::Architectures {{ {" ".join(f'"{a}";' for a in dict.fromkeys((NATIVE, architecture)))} }};
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
''', encoding="ascii")
        return conf

    def update(self):
        if not self.fresh:
            say("apt-get update ...")
            command("apt-get", "-q", "update", env=self.env)
            self.fresh = True

    def depends(self, package):
        """The packages that the candidate version of a package depends on, first alternatives only."""
        text = command("apt-cache", "show", "--no-all-versions", package, env=self.env)
        match = re.search(r"^Depends: (.*)$", text, re.M)
        return [re.split(r"[ (|:]", d.strip())[0] for d in match.group(1).split(",")] if match else []

    def unpack(self, packages, into, work):
        """Download packages and unpack them into a folder."""
        work.mkdir(parents=True, exist_ok=True)
        command("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *packages, cwd=work, env=self.env)
        debs = sorted(Path(work).glob("*.deb"))
        if len(debs) != len(packages):
            raise RigError(f"asked for {' '.join(packages)}, got {' '.join(d.name for d in debs)}")
        into.mkdir(parents=True, exist_ok=True)
        for deb in debs:
            command("dpkg-deb", "-x", deb, into)
            deb.unlink()


def localize(folder):
    """Make the absolute links of unpacked packages point into their folder."""
    for link in folder.rglob("*"):
        if link.is_symlink():
            target = os.readlink(link)
            if target.startswith("/"):
                link.unlink()
                link.symlink_to(os.path.relpath(folder / target[1:], link.parent))
