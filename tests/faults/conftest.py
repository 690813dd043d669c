"""The seed of the fault suite's slices."""

import os

import pytest


@pytest.fixture
def seed():
    return int(os.environ.get("FREEHOLD_FAULT_SEED", "1"))
