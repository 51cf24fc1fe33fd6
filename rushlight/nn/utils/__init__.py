"""Helpers for networks."""

from . import rnn
