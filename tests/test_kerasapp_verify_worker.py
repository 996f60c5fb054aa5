"""The process of a runtime."""

import subprocess
import sys

GIVES_UP = """
import sys, threading, time
from kerasapp.verify import worker

worker.LATE = float(sys.argv[1])
threading.Thread(target=worker._give_up, args=[0.5], daemon=True).start()
time.sleep(1.0)
print("waited", flush=True)
if sys.argv[2] == "works":
    while True:
        pass
time.sleep(60)
print("never", flush=True)
"""


def test_the_figure_is_given_up_by_the_time_of_the_processor_and_at_last_by_the_clock():
    for late, does, told in ((1000, "works", "waited\n"), (4, "sleeps", "waited\n"), (1, "sleeps", "")):
        command = [sys.executable, "-c", GIVES_UP, str(late), does]
        done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True)
        assert done.stdout == told
