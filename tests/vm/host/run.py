"""`rig run`: boot, run the suites, check what they left behind, say what came of it."""
import re
import shutil
import threading
import time

from . import klog
from .cache import RigError, say
from .rig import Rig
from .session import TIMED_OUT, GuestGone
from .suites import SLOW

UNLOAD_LIMIT = 60 * SLOW
TAIL = 30
RESULT = re.compile(r"(not )?ok - (.*)")
WISH = re.compile(r"#rig (\w+) ?(\w*)")


class Report:
    """Counts, and remembers what failed. Everything is told as it happens and summed up at the end."""

    def __init__(self, verbose):
        self.verbose = verbose
        self.passed = 0
        self.failures = []
        self.unsteady = []              # what failed once and not again
        self.suite = None

    def tell(self, text):
        print(text, flush=True)

    def ok(self, name):
        self.passed += 1
        if self.verbose:
            self.tell(f"  ok - {name}")

    def fail(self, reason, details=""):
        self.failures.append(f"{self.suite}: {reason}")
        self.tell(f"  FAILED {reason}")
        if details:
            self.tell("\n".join(f"    | {line}" for line in details.splitlines()))

    def finish(self):
        for title, list_ in (("failed", self.failures), ("failed once, and passed when run again", self.unsteady)):
            if list_:
                self.tell(f"\n{title}:")
                for failure in list_:
                    self.tell(f"  {failure}")
        self.tell(f"\n{self.passed} passed, {len(self.failures)} failed")
        return 1 if self.failures or not self.passed else 0


class Ticker:
    """Shows that a long suite is alive."""

    def __init__(self, report, name, limit):
        self.start = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(report, name, limit), daemon=True)

    def _run(self, report, name, limit):
        while not self._stop.wait(15):
            report.tell(f"  ... {name}: {self.elapsed:.0f} s of {limit} s")

    @property
    def elapsed(self):
        return time.monotonic() - self.start

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()


class Output:
    """A suite's output: results are counted, wishes to the host granted, all of it is kept in a file."""

    def __init__(self, rig, report, path):
        self.rig = rig
        self.report = report
        self.path = path
        self.results = self.failed = 0
        self._file = open(path, "w", encoding="utf-8")
        self._rest = b""

    def __call__(self, _, data):
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line.decode(errors="replace"))

    def _line(self, line):
        print(line, file=self._file, flush=True)
        if match := RESULT.fullmatch(line):
            self.results += 1
            if match.group(1):
                self.failed += 1
                self.report.fail(match.group(2))
            else:
                self.report.ok(match.group(2))
        elif match := WISH.fullmatch(line):
            self._grant(*match.groups())
        elif self.report.verbose:
            self.report.tell(f"    {line}")

    def _grant(self, verb, object_):
        """A suite asks for what only the host can do; lib.sh waits for the answer in a file."""
        try:
            if verb == "kill":
                self.rig.guest(object_).process.kill()
            elif verb == "boot":
                self.rig.boot(object_)
            elif verb == "link":
                self.rig.link(object_ == "on")
            else:
                raise RigError(f"no such wish: {verb}")
            answer = "done"
        except RigError as error:
            answer = f"failed: {error}"
        self.rig.guest("client").output(f"echo {answer.splitlines()[0]!r} >/run/rig/answer.new; "
                                        "mv /run/rig/answer.new /run/rig/answer")

    def close(self):
        if self._rest:
            self(None, b"\n")
        self._file.close()

    def tail(self):
        return "\n".join(self.path.read_text(encoding="utf-8").splitlines()[-TAIL:])


class Runner:
    def __init__(self, report, name, options, again=False):
        self.report = report
        self.options = options          # of Rig.up()
        self.again = again
        self.rig = Rig(name)
        self.read = {}                  # how far each console has been checked
        self.checks_failed = 0          # of the suite that ran last

    def boot(self):
        seconds = self.rig.up(**self.options)
        config = self.rig.config
        self.read = {}
        self.report.tell(f"== {config['guests']} guest(s), {config['release']}, {config['trans']}: "
                         f"up in {seconds:.1f} s")
        for guest in self.rig.guests:
            guest.output("[ ! -e /sys/kernel/debug/kmemleak ] || echo clear >/sys/kernel/debug/kmemleak")

    def run_all(self, suites):
        try:
            self.report.suite = "boot"
            self.boot()
            for number, suite in enumerate(suites):
                healthy = self.run_twice(suite) if self.again else self.run(suite)
                if not healthy:
                    self.report.tell("  the guests are not to be trusted any more and are replaced")
                    self._keep_consoles(suite.name)
                    self.rig.kill()
                    if number + 1 < len(suites):
                        self.report.suite = "boot"
                        self.boot()
            if self.rig.alive:
                self.report.suite = "end"
                if forced := self.rig.down():
                    self.report.fail(f"{' and '.join(forced)} did not power off")
                self.check_logs()
        except GuestGone as error:
            self.report.fail(f"lost a guest: {error}")
        except (RigError, OSError) as error:
            self.report.fail(str(error).splitlines()[0], "\n".join(str(error).splitlines()[1:]))

    def _keep_consoles(self, suite):
        """The next boot starts with an empty state folder: save what is needed to understand this one."""
        for guest in self.rig.guests:
            if guest.console.exists():
                shutil.copy(guest.console, self.results / f"{suite}.{guest.name}.console")

    @property
    def results(self):
        folder = self.rig.folder.with_name(f"{self.rig.name}.results")
        folder.mkdir(exist_ok=True)
        return folder

    def run_twice(self, suite):
        """A limit of time may be missed on a busy machine: a suite of which checks failed, and nothing worse, may try
        again. What the kernel said, or what was left behind, is never an accident."""
        report = self.report
        passed, count = report.passed, len(report.failures)
        healthy = self.run(suite)
        failures = report.failures[count:]
        if not healthy or not failures or len(failures) != self.checks_failed:
            return healthy
        report.tell("  and once more:")
        report.passed = passed
        del report.failures[count:]
        healthy = self.run(suite)
        if len(report.failures) == count:
            report.unsteady += failures
        return healthy

    def run(self, suite):
        """Run one suite and clean up after it. False if the guests can't be used further."""
        report = self.report
        report.suite = suite.name
        report.tell(f"-- {suite.name} (at most {suite.timeout} s)")
        output = Output(self.rig, report, self.results / f"{suite.name}.{self.rig.config['guests']}.out")
        passed, failed = report.passed, len(report.failures)
        self.mark(f"begin of {suite.name}")
        with Ticker(report, suite.name, suite.timeout) as ticker:
            try:
                status = self.rig.guest("client").run(f"cd /opt/qtfs/suites && exec bash ./{suite.name}.sh 2>&1",
                                                      timeout=suite.timeout, on_output=output)
            except (GuestGone, RigError, OSError) as error:
                status = None
                reason = f"lost the client guest: {error}"
            output.close()
        self.checks_failed = output.failed
        healthy = status not in (None, TIMED_OUT)
        if status is None:
            report.fail(reason)
        elif status == TIMED_OUT:
            report.fail(f"took more than {suite.timeout} s")
        elif status and not output.failed:
            report.fail(f"exit status {status}")
        elif not output.results:
            report.fail("no results")
        if len(report.failures) > failed:
            report.tell("  its last lines:")
            report.tell("\n".join(f"    | {line}" for line in output.tail().splitlines()))
        if healthy:
            healthy = self.unload()
        if healthy:
            self.leaks()
        self.mark(f"end of {suite.name}")
        self.check_logs(suite.expected)
        for guest in self.rig.guests:
            if guest.process.pid is None:
                report.fail(f"guest {guest.name} is dead", guest.tail())
                healthy = False
        if not healthy:
            self.autopsy()
        report.tell(f"   {suite.name}: {report.passed - passed} passed, {len(report.failures) - failed} failed, "
                    f"{ticker.elapsed:.1f} s")
        return healthy

    def mark(self, text):
        """A line in all kernel logs; waits until it is in the console's file, and so all before it."""
        for guest in self.rig.guests:
            try:
                guest.output(f"echo '<6>rig: {text}' >/dev/kmsg", timeout=20)
            except (RigError, OSError):
                continue
            end = time.monotonic() + 10
            wanted = f"rig: {text}".encode()
            while wanted not in guest.console.read_bytes()[self.read.get(guest.name, 0):] and time.monotonic() < end:
                time.sleep(0.05)

    def unload(self):
        """No mount, daemon, module or object may survive a suite."""
        good = True
        for guest in reversed(self.rig.guests):
            try:
                status, text = guest.output("/rig/unload 2>&1", timeout=UNLOAD_LIMIT)
            except (RigError, OSError) as error:
                status, text = None, str(error)
            if status:
                reason = "took too long" if status == TIMED_OUT else text.strip().replace("\n", "; ")
                self.report.fail(f"cleaning up {guest.name}: {reason}")
            good = good and status == 0
        return good

    def check_logs(self, expected=()):
        for guest in self.rig.guests:
            start = self.read.get(guest.name, 0)
            data = guest.console.read_bytes()
            self.read[guest.name] = len(data)
            text = data[start:].decode(errors="replace")
            if found := klog.findings(text, expected):
                self.report.fail(f"kernel log of {guest.name}: {found[0][1].strip()}"
                                 + (f" (and {len(found) - 1} more lines)" if len(found) > 1 else ""),
                                 klog.excerpt(text, found))

    def autopsy(self):
        """What hangs in the guests that still answer."""
        for guest in self.rig.guests:
            try:
                _, text = guest.output("ps -eo pid,stat,wchan:32,args --no-headers | awk '$2 ~ /^D/'; "
                                       "for p in $(ps -eo pid,stat --no-headers | awk '$2 ~ /^D/ {print $1}'); do "
                                       "echo \"stack of $p\"; cat /proc/$p/stack; done", timeout=20)
            except (RigError, OSError):
                continue
            if text.strip():
                self.report.tell(f"  blocked in {guest.name}:")
                self.report.tell("\n".join(f"    | {line}" for line in text.splitlines()[:60]))

    def leaks(self):
        """kmemleak, where the kernel has it. Twice, some seconds apart: it does not report young objects, and pointers
        move while it scans. What one suite left isn't told again after the next."""
        for guest in self.rig.guests:
            _, text = guest.output("cd /sys/kernel/debug && [ -e kmemleak ] || exit 0; "
                                   "echo scan >kmemleak; sleep 6; echo scan >kmemleak; cat kmemleak; "
                                   "echo clear >kmemleak", timeout=300 * SLOW)
            if found := klog.leaks(text):
                self.report.fail(f"kmemleak on {guest.name}: {len(found)} objects", "".join(found)[:4000])


def run(report, name, layouts, options, keep, again=False):
    """layouts: [(guests, layer, suites)]; again: see Runner.run_twice"""
    for guests, layer, suites in layouts:
        runner = Runner(report, f"{name}-{guests}{layer or ''}", dict(options, guests=guests, layer=layer), again)
        shutil.rmtree(runner.results)
        failures = len(report.failures)
        try:
            runner.run_all(suites)
        finally:
            if runner.rig.folder.exists():
                if keep and len(report.failures) > failures and runner.rig.alive:
                    say(f"kept: rig {runner.rig.name}")
                else:
                    runner.rig.kill()
        if len(report.failures) == failures:
            shutil.rmtree(runner.rig.folder, ignore_errors=True)
            shutil.rmtree(runner.results, ignore_errors=True)
        else:
            report.tell(f"logs: {runner.rig.folder} {runner.results}")
    return report.finish()
