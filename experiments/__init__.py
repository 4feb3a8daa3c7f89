"""Stages of the pipeline, one thread each: their bits then do not depend on the number of cores."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
