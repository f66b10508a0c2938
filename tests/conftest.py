"""Settings for all tests: Hypothesis sets no time limit on an example, because the machine may be busy."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
