"""Two worker processes, for the tests that need them."""

import os

import pytest


def _restore(environment):
    os.environ.clear()
    os.environ.update(environment)


@pytest.fixture(scope="session")
def cluster():
    """Two processes of one thread, watched by nannies, who leave variables in the environment."""
    distributed = pytest.importorskip("distributed")
    before = dict(os.environ)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as made:
        _restore(before)
        yield made
    _restore(before)


@pytest.fixture
def client(cluster):
    import dask
    import distributed

    before = dict(os.environ)
    with dask.config.set(scheduler=None), distributed.Client(cluster) as made:
        yield made
    _restore(before)
