"""For all tests: processes that they start must find the same rushlight as they do. Python looks into the current
folder first, and from the repository's root that would be the source tree, so tests run in an empty folder."""

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def empty_folder(tmp_path_factory):
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("empty"))
    yield
    os.chdir(before)
