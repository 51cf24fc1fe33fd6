"""A few of the trials of checkpoints; `python tests/train/trials.py` runs as many as are wanted."""

from __future__ import annotations

import importlib.util
import os
import random
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the trials start processes by fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def trials():
    specification = importlib.util.spec_from_file_location("trials", Path(__file__).with_name("trials.py"))
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_killed_trainings_end_as_undisturbed_ones(trials):
    assert trials.resume_trials(4, random.Random(1)) == 0


def test_faults_while_saving_leave_a_whole_checkpoint(trials):
    assert trials.fault_trials(10, random.Random(1)) == 0
