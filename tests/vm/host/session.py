"""One command in a guest, over its agent (guest/agent.c has the protocol)."""
import os
import select
import socket
import struct
import sys
import time

from .cache import RigError

TIMED_OUT = 124


class GuestGone(RigError):
    """The guest died, or its agent hung up, while a command ran."""


class Session:
    """Start a command. Leaving the `with` block before it has ended kills its process group."""

    def __init__(self, port, command):
        self.status = None
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.settimeout(120)     # of one send: nothing may hang for ever
        self._buffer = bytearray()
        self._send(b"c", command.encode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _send(self, kind, data):
        try:
            self.socket.sendall(kind + struct.pack(">I", len(data)) + data)
        except TimeoutError:
            raise GuestGone("the guest takes no data") from None
        except OSError:
            pass        # it ended without reading its input: what it said comes with read()

    def write(self, data):
        """Standard input. Empty data is its end."""
        if data:
            for at in range(0, len(data), 65536):
                self._send(b"i", data[at:at + 65536])
        else:
            self._send(b"i", b"")

    def _frames(self):
        while len(self._buffer) >= 5:
            size = struct.unpack_from(">I", self._buffer, 1)[0]
            if len(self._buffer) < 5 + size:
                return
            kind, data = self._buffer[0:1], bytes(self._buffer[5:5 + size])
            del self._buffer[:5 + size]
            yield bytes(kind), data

    def read(self):
        """What came in (b"o" or b"e", data), blocking for some; sets self.status at the end."""
        try:
            data = self.socket.recv(1 << 18)
        except OSError:
            data = b""
        if not data:
            raise GuestGone("the guest hung up")
        self._buffer += data
        for kind, data in self._frames():
            if kind == b"x":
                self.status = struct.unpack(">I", data)[0]
            else:
                yield kind, data


def run(port, command, timeout=None, stdin=None, on_output=None):
    """Run a command to its end; its exit status, TIMED_OUT if it took too long. stdin: a file descriptor, or nothing.
    on_output(kind, data) gets what it says; by default that is passed on."""
    def pass_on(kind, data):
        stream = sys.stderr if kind == b"e" else sys.stdout
        stream.buffer.write(data)
        stream.flush()

    on_output = on_output or pass_on
    deadline = time.monotonic() + timeout if timeout else None
    with Session(port, command) as session:
        if stdin is None:
            session.write(b"")
        while session.status is None:
            left = max(deadline - time.monotonic(), 0) if deadline else None
            sources = [session.socket] if stdin is None else [session.socket, stdin]
            ready = select.select(sources, [], [], left)[0]
            if not ready:
                return TIMED_OUT
            if stdin in ready:
                data = os.read(stdin, 65536)
                session.write(data)
                stdin = stdin if data else None
            if session.socket in ready:
                for kind, data in session.read():
                    on_output(kind, data)
        return session.status


def output(port, command, timeout=60):
    """(exit status, standard output and error output together)"""
    parts = []
    status = run(port, command, timeout, on_output=lambda _, data: parts.append(data))
    return status, b"".join(parts).decode(errors="replace")
