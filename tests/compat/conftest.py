from inner_runs import run, run_beside  # noqa: F401 - fixtures
