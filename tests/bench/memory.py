#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Touches as much memory as a program that is measured next may take, and gives it back.

A virtual machine may have its memory only from the first touch on, and its host
may take back what is free for a while (page reporting of the balloon). A page
that nobody has used yet then costs 12 microseconds, any other a tenth of that
(measured), and whatever starts or grows would pay for the machine.
"""

import mmap

ENOUGH = 512 << 20  # a pool of WordPress takes less


def touch():
    mmap.mmap(-1, ENOUGH, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE).close()


if __name__ == "__main__":
    touch()
