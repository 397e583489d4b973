"""The real-time clock is stepped by a day, forwards and backwards."""

import time

from common import frame

DAY = 86400


def attack(target):
    process = target.need_process()
    if target.clock is None:
        raise frame.Skip("needs preload.c in the server, and its file as --clock")
    old = target.client() if target.lasting else None
    for offset in (DAY, 0, -DAY, 0):
        target.step_clock(offset)
        passes, cpu = process.passes(0.3)
        assert passes < 20 and cpu < 0.1, f"it spins: {passes} passes, {cpu:.2f} s of CPU"
        target.ask()
        yield
    time.sleep(0.1)
    if old:
        old.check()  # nobody's patience ends a day too early
        old.close()
    return "its clock was stepped by a day either way", \
        "serves on" if target.name != "time" else "tells the new time"


if __name__ == "__main__":
    frame.main(attack)
