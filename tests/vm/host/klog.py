"""What must not be in a kernel log."""
import re

BAD = re.compile("|".join((
    # the kernel's own words for what must not be
    r"WARNING:", r"\bBUG:", r"kernel BUG at", r"\bOops\b", r"general protection", r"Kernel panic", r"Call [Tt]race",
    r"Unable to handle kernel", r"Internal error:",
    r"bad page state", r"Bad page map", r"refcount_t", r"list_add corruption", r"list_del corruption",
    r"scheduling while atomic", r"sleeping function called", r"stack smashing", r"double free",
    r"page allocation failure",
    # sanitizers and debug options
    r"KASAN", r"KCSAN", r"UBSAN", r"KFENCE", r"KMSAN", r"ODEBUG", r"Redzone overwritten", r"Poison overwritten",
    # lockdep and RCU
    r"possible circular locking", r"possible recursive locking", r"possible irq lock inversion",
    r"inconsistent lock state", r"bad unlock balance", r"lock held when returning", r"Invalid wait context",
    r"DEBUG_LOCKS_WARN_ON", r"suspicious RCU", r"rcu.*detected stalls", r"self-detected stall",
    # what hangs
    r"hung task", r"blocked for more than", r"soft lockup", r"hard LOCKUP",
    # what stays behind
    r"Objects remaining in", r"unreferenced object", r"unregister_netdevice", r"Busy inodes after unmount",
    # what else should not happen in a test
    r"segfault at", r"unhandled exception:", r"trap (invalid opcode|divide error)", r"Out of memory: Killed",
    r"EXT4-fs error", r"I/O error",
)))
# What the kernel says about KASAN and the like without anything being wrong.
HARMLESS = re.compile(r"KernelAddressSanitizer initialized|kfence: initialized|Kernel memory leak detector initialized|"
                      r"kcsan: (enabled|selftest|strict mode)")


# Leaks of the kernel's own, by a function in the object's backtrace.
HARMLESS_LEAKS = (
    "sysfs_slab_add",       # 6.1: the name of a slab cache whose directory could not be made
)


def leaks(text):
    """The objects that kmemleak reports, each as its lines."""
    objects = re.split(r"^(?=unreferenced object)", text, flags=re.M)[1:]
    return [o for o in objects if not any(f" {known}+" in o for known in HARMLESS_LEAKS)]


def findings(text, expected=()):
    """The bad lines, as (line number, line). expected: regular expressions of lines that a test provokes."""
    allowed = [re.compile(e) for e in expected]
    return [(number, line) for number, line in enumerate(text.splitlines())
            if BAD.search(line) and not HARMLESS.search(line) and not any(a.search(line) for a in allowed)]


def excerpt(text, found, before=3, after=25):
    """The log around the first finding."""
    lines = text.splitlines()
    return "\n".join(lines[max(found[0][0] - before, 0):found[0][0] + after])
