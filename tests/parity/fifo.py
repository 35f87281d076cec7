#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""fifo.py DIR: what FIFOs do there, a line for each thing; to be compared between directories."""
import errno
import hashlib
import os
import select
import signal
import sys
import threading

os.chdir(sys.argv[1])
RD, WR, RW, NB = os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_NONBLOCK


def said(value):
    if isinstance(value, (bytes, bytearray)) and len(value) > 40:
        return f"{len(value)} bytes {hashlib.md5(value).hexdigest()}"
    return repr(value)


def tell(what, call, *args):
    """Prints what @call gives, or how it fails."""
    try:
        print(what, said(call(*args)), flush=True)
    except OSError as e:
        print(what, errno.errorcode[e.errno], flush=True)


def events(fd, mask=select.POLLIN | select.POLLOUT | select.POLLPRI, timeout=0):
    poll = select.poll()
    poll.register(fd, mask)
    return [hex(mask) for _, mask in poll.poll(timeout)]


def opened(how):
    fd = os.open("f", how)
    os.close(fd)
    return 0


def child(function):
    """Runs @function in a process of its own."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os._exit(function() or 0)
    except BaseException as e:      # pylint: disable=broad-except
        print("child:", e, flush=True)
        os._exit(99)


def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def pair():
    """A reader, which may wait, and a writer."""
    rd = os.open("f", RD | NB)
    wr = os.open("f", WR)
    os.set_blocking(rd, True)
    return rd, wr


def close(*fds):
    for fd in fds:
        os.close(fd)


os.mkfifo("f", 0o640)
st = os.stat("f")
print("stat", oct(st.st_mode), st.st_size, st.st_nlink)

# ---- opening ----
tell("write, nobody reads", opened, WR | NB)
tell("read, nobody writes", opened, RD | NB)
tell("both", opened, RW)
tell("O_DIRECTORY", opened, RD | os.O_DIRECTORY)
tell("O_CREAT", opened, RW | os.O_CREAT)
tell("O_CREAT O_TRUNC", opened, RW | os.O_CREAT | os.O_TRUNC)
tell("O_EXCL", opened, RW | os.O_CREAT | os.O_EXCL)
tell("truncate", os.truncate, "f", 0)


def writes_hello():
    fd = os.open("f", WR)
    os.write(fd, b"hello")
    os.close(fd)


pid = child(writes_hello)
fd = os.open("f", RD)       # waits for the child, or the child for this
tell("what a child writes", os.read, fd, 100)
ended(pid)
tell("and then the end", os.read, fd, 100)
tell("again", os.read, fd, 100)
close(fd)

# ---- states ----
rd = os.open("f", RD | NB)
tell("empty, never a writer: read", os.read, rd, 10)
tell("poll", events, rd)
wr = os.open("f", WR | NB)
tell("empty with a writer: read", os.read, rd, 10)
tell("poll the reader", events, rd)
tell("poll the writer", events, wr)
tell("write", os.write, wr, b"abc")
tell("poll the reader", events, rd)
tell("read a part", os.read, rd, 2)
tell("poll the reader", events, rd)
tell("read the rest", os.read, rd, 10)
tell("write nothing", os.write, wr, b"")
close(wr)
tell("poll without a writer", events, rd)
tell("read without a writer", os.read, rd, 10)
wr = os.open("f", WR)
tell("poll with one again", events, rd)
close(rd)
tell("poll without a reader", events, wr)
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
tell("write without a reader", os.write, wr, b"x")
close(wr)


def breaks():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    rd, wr = pair()
    os.close(rd)
    os.write(wr, b"x")


print("SIGPIPE", [ended(child(breaks)) for _ in range(20)])

# ---- no position ----
rd, wr = pair()
tell("lseek", os.lseek, rd, 0, os.SEEK_SET)
tell("pread", os.pread, rd, 1, 0)
tell("pwrite", os.pwrite, wr, b"x", 0)
tell("fsync", os.fsync, wr)
tell("ftruncate", os.ftruncate, wr, 0)
tell("read the writer", os.read, wr, 1)
tell("write the reader", os.write, rd, b"x")
tell("writev", os.writev, wr, [b"ab", b"", b"cde"])
first, second = bytearray(2), bytearray(10)
tell("readv", os.readv, rd, [first, second])
print(first, second)
close(rd, wr)

# ---- PIPE_BUF ----
rd, wr = pair()
os.set_blocking(wr, False)
sent = 0
while True:
    try:
        sent += os.write(wr, b"y" * 4096)
    except BlockingIOError:
        break
print("holds", sent)
tell("poll the writer when it's full", events, wr)
tell("4096 more", os.write, wr, b"z" * 4096)
tell("one more", os.write, wr, b"z")
os.read(rd, 4096)
tell("poll the writer when there is room", events, wr)
tell("8192 into 4096", os.write, wr, b"z" * 8192)
tell("all of it", os.read, rd, 100000)
close(rd, wr)

# ---- waiting ----
rd, wr = pair()
got = []
thread = threading.Thread(target=lambda: got.append(os.read(rd, 10)))
thread.start()
while not events(wr, select.POLLOUT):
    pass
tell("write", os.write, wr, b"late")
thread.join()
print("a reader that waits gets", got)
pid = child(lambda: (os.close(wr), events(rd, select.POLLIN, 20000) != ["0x1"])[1])
os.write(wr, b"event")
print("poll waits for data", ended(pid))
os.read(rd, 10)
pid = child(lambda: (os.close(wr), events(rd, select.POLLIN, 20000) != ["0x10"])[1])
close(wr)
print("poll waits for the end", ended(pid))
close(rd)

big = os.urandom(3_000_000)


def sends():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    fd = os.open("f", WR)
    done = 0
    while done < len(big):
        done += os.write(fd, big[done:])
    os.close(fd)


pid = child(sends)
fd = os.open("f", RD)
came = bytearray()
while chunk := os.read(fd, 70_000):
    came += chunk
close(fd)
print("3 MB", came == big, ended(pid))

# ---- signals ----


class Alarm(Exception):
    pass


def on_alarm(*_):
    raise Alarm


signal.signal(signal.SIGALRM, on_alarm)


def interrupted(what, call, *args):
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        call(*args)
        print(what, "not interrupted")
    except Alarm:
        print(what, "interrupted", flush=True)


interrupted("open", os.open, "f", RD)
tell("and no reader is left behind", opened, WR | NB)
rd, wr = pair()
interrupted("read", os.read, rd, 1)
interrupted("a write that doesn't fit", os.write, wr, b"x" * 4_000_000)
close(rd, wr)
pid = child(lambda: opened(WR))
os.kill(pid, signal.SIGKILL)
print("killed while it opens", ended(pid))

# ---- epoll ----
rd, wr = pair()
os.set_blocking(rd, False)
for name, edge in (("level", 0), ("edge", select.EPOLLET)):
    epoll = select.epoll()
    epoll.register(rd, select.EPOLLIN | edge)

    def ready(timeout=0, epoll=epoll):
        return [hex(mask) for _, mask in epoll.poll(timeout)]

    print(name, "nothing", ready())
    os.write(wr, b"1")
    print(name, "something", ready(10))
    print(name, "and still", ready())
    os.write(wr, b"2")
    print(name, "more", ready(10))
    tell(name, os.read, rd, 10)
    print(name, "nothing", ready())
    os.write(wr, b"3")
    print(name, "again", ready(10))
    tell(name, os.read, rd, 10)
    epoll.close()
epoll = select.epoll()
epoll.register(rd, select.EPOLLIN)
epoll.register(wr, select.EPOLLOUT)
print("both ends", sorted((fd == rd, hex(mask)) for fd, mask in epoll.poll(10)))
close(wr)
print("the writer is gone", [(fd == rd, hex(mask)) for fd, mask in epoll.poll(10)])
close(rd)
os.unlink("f")
