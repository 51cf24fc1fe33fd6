"""Image transforms with torchvision's names: its v1 API, on Pillow's images and on tensors.

transforms.py       the classes: composition.py, crops.py, warps.py, colors.py; autoaugment.py: learned policies
functional.py       the functions: conversion.py, cutting.py, bending.py, coloring.py
on_pictures.py      what they do to Pillow's images
on_tensors/         what they do to tensors
draws.py            random choices, the same as torchvision's for the same seed
"""

from . import functional
from .autoaugment import AugMix, AutoAugment, AutoAugmentPolicy, RandAugment, TrivialAugmentWide
from .transforms import *
