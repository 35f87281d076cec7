# SPDX-License-Identifier: GPL-2.0
"""load.py FOLDER STOP: writes and reads in FOLDER until the file STOP is there, and tells how many records are in FOLDER/log.
Whatever fails, or is read otherwise than it was written, ends it with an exception."""
import os
import sys
import time

folder, stop = sys.argv[1:]
log = os.open(f"{folder}/log", os.O_RDWR | os.O_CREAT | os.O_EXCL)
number = 0
while not os.path.exists(stop):
    assert os.write(log, b"%015d\n" % number) == 16
    if number % 16 == 0:
        os.fsync(log)
    assert os.pread(log, 16, number // 2 * 16) == b"%015d\n" % (number // 2)
    name = f"{folder}/file{number % 7}"
    with open(f"{name}.new", "x", encoding="ascii") as file:
        file.write(str(number))
    os.rename(f"{name}.new", name)
    with open(name, encoding="ascii") as file:
        assert file.read() == str(number)
    number += 1
    time.sleep(0.01)        # who upgrades gets on as well
os.close(log)
print(number)
