"""The command line of the rig."""
import argparse
import os
import shlex
import signal
import sys
import tarfile
import tempfile
import time
from pathlib import Path, PurePosixPath

from . import arch, cache, foreign, image, initramfs, kernel, qmp, rig, run, stage, suites, system
from .cache import RigError, say
from .rig import Rig


def prepare(_):
    stage.require_tools(arch.get())
    start = time.monotonic()
    k = kernel.get()
    k.modules_image()
    initramfs.get(k)
    image.get(k.arch)
    say(f"kernel {k.release}, everything is in {cache.ROOT} ({time.monotonic() - start:.1f} s)")
    print(k.kdir)


def kdir(_):
    print(kernel.get().kdir)


def sysroot(args):
    a = arch.get()
    if not a.foreign:
        raise RigError(f"{a.name} needs none: its packages are installed")
    stage.require_tools(a)
    print(foreign.sysroot(a, args.package))


def up(args):
    r = Rig(args.name)
    seconds = r.up(args.guests, args.mem, args.smp, args.disk, args.debug, args.stage, args.append, args.icount,
                   args.system, args.layer)
    say(f"{args.name} is up: {r.config['release']}, {args.guests} guest(s), ready in {seconds:.1f} s ({r.folder})")
    if args.debug:
        for guest in r.guests:
            say(f"gdb for {guest.name}: target remote {r.folder}/{guest.name}.gdb")


def execute(args):
    words = args.command
    if not words:
        raise RigError("exec: no command (rig exec NAME ROLE -- COMMAND)")
    # One word is a line for bash; several are a command and its arguments.
    line = words[0] if len(words) == 1 else shlex.join(words)
    return Rig(args.name).guest(args.role).run(line, timeout=args.timeout, stdin=0 if args.stdin else None)


def put(args):
    """Files and folders travel as tar: modes and links stay as they are."""
    if not Path(args.local).exists():
        raise RigError(f"{args.local} does not exist")
    remote = PurePosixPath(args.remote)
    if args.remote.endswith("/"):
        remote /= Path(args.local).resolve().name
    parent = shlex.quote(str(remote.parent))
    with tempfile.TemporaryFile() as spool:
        with tarfile.open(fileobj=spool, mode="w") as tar:
            tar.add(args.local, remote.name)
        spool.seek(0)
        return Rig(args.name).guest(args.role).run(
            f"mkdir -p {parent} && tar -x -f - -C {parent} --no-same-owner", stdin=spool.fileno())


def get(args):
    remote = PurePosixPath(args.remote)
    local = Path(args.local) / remote.name if Path(args.local).is_dir() else Path(args.local)
    with tempfile.TemporaryFile() as spool:
        def on_output(kind, data):
            (spool if kind == b"o" else sys.stderr.buffer).write(data)

        status = Rig(args.name).guest(args.role).run(
            f"tar -c -f - -C {shlex.quote(str(remote.parent))} {shlex.quote(remote.name)}", on_output=on_output)
        if status == 0:
            spool.seek(0)
            with tarfile.open(fileobj=spool) as tar:
                for member in tar:
                    member.name = local.name + member.name[len(remote.name):]
                    tar.extract(member, local.parent)
        return status


def restage(args):
    Rig(args.name).restage()


def log(args):
    """The kernel log; of a guest that is gone, what its console got."""
    guest = Rig(args.name).guest(args.role)
    if args.console or guest.process.pid is None:
        sys.stdout.write(guest.console.read_text(encoding="utf-8", errors="replace"))
        return 0
    return guest.run("dmesg")


def down(args):
    for name in args.name or ():
        if forced := Rig(name).down():
            say(f"{name}: {' and '.join(forced)} did not power off and had to be killed")


def dump(args):
    """As a kdump kernel would write it; the guest stands still meanwhile, and goes on."""
    guest = Rig(args.name).guest(args.role)
    if guest.process.pid is None:
        raise RigError(f"guest {args.role} is not running")
    qmp.execute(guest.folder / f"{guest.name}.qmp", "dump-guest-memory", paging=False,
                protocol=f"file:{Path(args.file).resolve()}")


def native(args):
    """What is compiled by this machine's processor needs no guest's time: folders are where it can be left."""
    k = kernel.get()
    layers = [image.get(k.arch), system.get(k), k.modules_image()]
    with tempfile.TemporaryDirectory(dir=cache.ROOT) as work:
        said = system.native(layers, work, args.script, [Path(folder).resolve() for folder in args.folder])
    print(said, end="")


def kill(args):
    Rig(args.name).guest(args.role).process.kill()


def boot(args):
    say(f"{args.role} is up again in {Rig(args.name).boot(args.role):.1f} s")


def link(args):
    Rig(args.name).link(args.state == "on")


def run_suites(args):
    # Whoever stops the run gets its guests stopped too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen = suites.find(args.suite.split(",") if args.suite else None)
    layouts, left_out = suites.plan(chosen, args.guests, args.all, rig.trans())
    if left_out:
        say(f"not run in this layout: {' '.join(left_out)}")
    if not layouts:
        raise RigError("no suite to run")
    options = {"mem": args.mem, "smp": args.smp, "stage_folder": args.stage, "append": args.append}
    return run.run(run.Report(args.verbose), args.name or f"run-{os.getpid()}", layouts, options, args.keep,
                   args.again)


def listing(_):
    for name in rig.names():
        r = Rig(name)
        states = " ".join(f"{g.name}={'up' if g.process.pid else 'down'}" for g in r.guests)
        print(f"{name}: {states} {r.config['release']} {r.folder}")


def parser():
    top = argparse.ArgumentParser(prog="rig", description="Boot, drive and check the guests that qtfs is tested in.")
    subs = top.add_subparsers(dest="verb", required=True, metavar="COMMAND")

    def sub(name, function, text, *positional):
        p = subs.add_parser(name, help=text, description=text)
        p.set_defaults(function=function)
        for word in positional:
            p.add_argument(word)
        return p

    sub("prepare", prepare, "make what the guests need (kernel, image, initramfs) and print the kernel build folder")
    sub("kdir", kdir, "print the build folder of the guests' kernel, for -DQTFS_KDIR=")

    p = sub("sysroot", sysroot, "print a folder with packages for ARCH, which a compiler takes for its root")
    p.add_argument("package", nargs="+")

    def machine(p):
        p.add_argument("--mem", type=int, help="memory of a guest, MB (default: 1024)")
        p.add_argument("--smp", type=int, help="processors of a guest (default: 2 for one guest, 1 for two)")
        p.add_argument("--stage", help="folder to unpack over / (default: $QTFS_STAGE or build/stage)")
        p.add_argument("--append", default="", help="more words for the kernel command line")

    p = sub("up", up, "boot a rig")
    p.add_argument("--name", default="dev", help="name of the rig (default: dev)")
    p.add_argument("--guests", type=int, choices=(1, 2), default=1)
    p.add_argument("--disk", type=int, default=2048, help="size of the server's /srv, MB (sparse; default: 2048)")
    machine(p)
    p.add_argument("--icount", action="store_true", help="virtual time: one processor, a nanosecond for each instruction")
    p.add_argument("--system", action="store_true",
                   help="whole systems: systemd, and a root that keeps what is written when they boot again")
    p.add_argument("--layer", help="more packages: a file of guest/layers")
    p.add_argument("--debug", action="store_true", help="gdb stub, fixed addresses, boot messages on the console")

    p = sub("exec", execute, "run a bash command in a guest: exec NAME ROLE -- COMMAND...", "name", "role")
    p.add_argument("--timeout", type=float, help="seconds; exit status 124 if it takes longer")
    p.add_argument("-i", "--stdin", action="store_true", help="pass standard input on")
    p.epilog = "one word after -- is a line for bash; several are a command and its arguments"

    sub("put", put, "copy a file or folder into a guest", "name", "role", "local", "remote")
    sub("get", get, "copy a file or folder out of a guest", "name", "role", "remote", "local")
    sub("restage", restage, "push the stage folder into the running guests again", "name")
    p = sub("log", log, "the kernel log of a guest", "name", "role")
    p.add_argument("--console", action="store_true", help="its console since it was made, all boots")
    p = sub("down", down, "power off")
    p.add_argument("name", nargs="+")
    p = sub("native", native, "run a line of bash without a guest, in the root of a whole system", "script")
    p.add_argument("folder", nargs="*", help="is below /tmp there, and keeps what is written")
    sub("kill", kill, "cut the power of a guest", "name", "role")
    sub("boot", boot, "boot a guest again, on the same disk", "name", "role")
    sub("dump", dump, "the memory of a guest in a file, for crash or gdb", "name", "role", "file")
    p = sub("link", link, "cut or restore the cable between two guests", "name")
    p.add_argument("state", choices=("on", "off"))

    p = sub("run", run_suites, "run suites and check what they leave behind")
    p.add_argument("--guests", type=int, choices=(1, 2),
                   help="this layout only (default: one guest if a suite allows it)")
    p.add_argument("--suite", help="these suites, separated by commas (default: all)")
    p.add_argument("--all", action="store_true", help="in every layout that a suite allows")
    machine(p)
    p.add_argument("--name", help="first part of the rigs' names")
    p.add_argument("--again", action="store_true",
                   help="a suite of which only checks failed may try again; it is told at the end")
    p.add_argument("--keep", action="store_true", help="after a failure leave the guests up")
    p.add_argument("-v", "--verbose", action="store_true", help="show all results and output")
    sub("list", listing, "the rigs there are")
    return top


def main():
    # What follows "--" is for the guest, whatever it looks like.
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    args = parser().parse_args(words[:cut])
    args.command = words[cut + 1:]
    if args.command and args.verb != "exec":
        say(f"{args.verb} takes no command")
        return 125
    try:
        return args.function(args) or 0
    except RigError as error:
        say(error)
        return 125
    except ConnectionError as error:
        say(f"no connection to the guest: {error}")
        return 125
    except KeyboardInterrupt:
        return 130
