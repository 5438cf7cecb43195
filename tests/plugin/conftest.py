from inner_runs import run  # noqa: F401 - a fixture
