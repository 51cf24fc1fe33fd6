"""Data that comes with Rushlight."""

from rushlight.data.digits import Digits
