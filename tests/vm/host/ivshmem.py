"""The other end of QEMU's ivshmem-doorbell devices: hands out a common memory and everybody's doorbells.

    ivshmem.py SOCKET BYTES VECTORS

The protocol (QEMU's docs/specs/ivshmem-spec): messages are one little-endian int64 each, some with one descriptor. A new
peer gets the version, its id, -1 with the memory, each other peer's id once per vector with that doorbell, and then its
own. The others get the new peer's id with its doorbells, and the id alone when it goes.
"""
import os
import selectors
import socket
import struct
import sys

VERSION = 0


class Peer:
    def __init__(self, number, connection, vectors):
        self.number = number
        self.connection = connection
        self.bells = [os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK) for _ in range(vectors)]

    def tell(self, number, descriptor=None):
        """A peer that does not listen any more is noticed when its connection ends."""
        try:
            socket.send_fds(self.connection, [struct.pack("<q", number)], [] if descriptor is None else [descriptor])
        except OSError:
            pass

    def close(self):
        self.connection.close()
        for bell in self.bells:
            os.close(bell)


class Server:
    def __init__(self, path, size, vectors):
        self.vectors = vectors
        self.peers = {}
        self.memory = os.memfd_create("window")
        os.truncate(self.memory, size)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)

    def accept(self):
        connection, _ = self.listener.accept()
        number = min(set(range(len(self.peers) + 1)) - set(self.peers))
        new = Peer(number, connection, self.vectors)
        new.tell(VERSION)
        new.tell(number)
        new.tell(-1, self.memory)
        for other in self.peers.values():
            for bell in other.bells:
                new.tell(other.number, bell)
            for bell in new.bells:
                other.tell(number, bell)
        for bell in new.bells:
            new.tell(number, bell)
        self.peers[number] = new
        self.selector.register(connection, selectors.EVENT_READ, new)

    def gone(self, peer):
        self.selector.unregister(peer.connection)
        del self.peers[peer.number]
        peer.close()
        for other in self.peers.values():
            other.tell(peer.number)

    def serve(self):
        while True:
            for key, _ in self.selector.select():
                if key.data is None:
                    self.accept()
                elif not key.fileobj.recv(8):
                    self.gone(key.data)


if __name__ == "__main__":
    Server(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])).serve()
