"""The suites: what is in tests/suites, and what their headers say.

    # timeout: SECONDS       limit of the whole suite, default 120
    # guests: any|1|2        the layouts it can run in, default any
    # trans: tcp vsock ...   the transports it is for, default all
    # layer: NAME            packages of guest/layers that it wants
    # expect-log: REGEX      kernel log lines that it provokes (may be repeated)"""
import os
import re

from .cache import RigError
from .stage import SUITES


# A busy host or a kernel with all its checks needs more of everything.
SLOW = float(os.environ.get("QTFS_SLOW") or (6 if os.environ.get("KERNEL") == "debug" else 1))


class Suite:
    def __init__(self, path):
        self.name = path.stem
        head = path.read_text(encoding="utf-8")
        headers = re.findall(r"^# (timeout|guests|trans|layer|expect-log): *(.*?) *$", head, re.M)
        self.expected = [value for key, value in headers if key == "expect-log"]
        single = dict(headers)
        self.timeout = int(int(single.get("timeout", 120)) * SLOW)
        self.guests = single.get("guests", "any")
        self.layer = single.get("layer")
        self.trans = single.get("trans", "").replace(",", " ").split()
        if self.guests not in ("any", "1", "2"):
            raise RigError(f"{path}: guests: {self.guests}?")

    def fits(self, guests, trans):
        return self.guests in ("any", str(guests)) and (not self.trans or trans in self.trans)


def find(names=None):
    suites = {p.stem: Suite(p) for p in sorted(SUITES.glob("*.sh")) if p.stem != "lib"}
    if not names:
        return list(suites.values())
    if unknown := [n for n in names if n not in suites]:
        raise RigError(f"no such suite: {' '.join(unknown)}; there are: {' '.join(suites)}")
    return [suites[n] for n in names]


def plan(suites, guests, every_layout, trans):
    """[(number of guests, layer, suites to run there)], and the names of those that run nowhere."""
    fits = {n: [s for s in suites if s.fits(n, trans)] for n in (1, 2)}
    if guests:
        chosen = {guests: fits[guests]}
    elif every_layout:
        chosen = fits
    else:           # each once: in one guest if it can
        chosen = {1: fits[1], 2: [s for s in fits[2] if s not in fits[1]]}
    left_out = [s.name for s in suites if not any(s in c for c in chosen.values())]
    layers = sorted({s.layer or "" for s in suites})
    groups = [(n, layer or None, [s for s in c if (s.layer or "") == layer]) for n, c in chosen.items() for layer in layers]
    return [group for group in groups if group[2]], left_out
