"""Stage scripts of the pipeline: the only place with paths, arguments, seeds and devices."""
