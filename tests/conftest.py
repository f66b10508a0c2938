"""Settings for all tests: examples take as long as a busy machine needs, signals are as at a terminal."""

import signal

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# nohup and a shell's background have what they run ignore these, and so would whatever a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
