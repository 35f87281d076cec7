"""The cache: things that are costly to make, kept outside the repository, each made once and complete or not at all."""
import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(os.environ.get("QTFS_CACHE") or "/var/cache/qtfs")


class RigError(Exception):
    """Something the user has to know; printed without a traceback."""


def say(text):
    print(f"rig: {text}", file=sys.stderr, flush=True)


def digest(*parts):
    """A short name for what was made of these parts (strings, bytes or files)."""
    sha = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            part = part.read_bytes()
        elif isinstance(part, str):
            part = part.encode()
        sha.update(hashlib.sha256(part).digest())
    return sha.hexdigest()[:12]


@contextlib.contextmanager
def lock(path):
    """Hold a lock file. The kernel gives it up with the process, so a killed rig leaves nothing to clean."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def make(name, build, what=None):
    """The path ROOT/name. If it isn't there, build(temporary path) makes it, under a lock, and it is renamed when
    complete. `what` announces work that takes long."""
    final = ROOT / name
    if final.exists():
        if final.is_file():
            os.utime(final)     # in use: prune() looks at this
        return final
    with lock(ROOT / f".{name}.lock"):
        if final.exists():      # another rig made it while this one waited
            return final
        with tempfile.TemporaryDirectory(dir=ROOT, prefix=f".{name}.") as work:
            temporary = Path(work) / "new"
            start = time.monotonic()
            if what:
                say(f"making {what} ...")
            build(temporary)
            temporary.rename(final)
            if what:
                say(f"made {what} in {time.monotonic() - start:.1f} s: {final}")
    return final


def prune(pattern, days=7):
    """Remove versions of a thing that nobody asked for lately. A guest that still runs from one keeps its open file."""
    for old in ROOT.glob(pattern):
        with contextlib.suppress(FileNotFoundError):
            if old.stat().st_mtime < time.time() - days * 86400:
                old.unlink()


def command(*args, **options):
    """Run a program; its output is shown only if it fails."""
    done = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, stdin=subprocess.DEVNULL, **options)
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-25:])
        raise RigError(f"{' '.join(str(a) for a in args)}: exit status {done.returncode}\n{tail}")
    return done.stdout


def ext4_image(folder, image, spare_mb=16):
    """An ext4 image of a folder, just large enough, to be mounted read-only: so without journal or reserve."""
    used = int(command("du", "-sk", "--apparent-size", folder).split()[0])
    entries = sum(len(d) + len(f) for _, d, f in os.walk(folder))
    size_kb = int(used * 1.06) + entries * 5 + spare_mb * 1024
    command("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-N", entries + 1024, "-d", folder, image,
            f"{size_kb}k")
