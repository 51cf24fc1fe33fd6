"""Images: data sets, transforms, networks and boxes with torchvision's names; `rushlight run` answers to that name.

    datasets/       MNIST and its kin, CIFAR, SVHN, folders of images, read from the usual files
    transforms/     torchvision's v1 transforms, on Pillow's images and on tensors
    models/         networks that classify images, with torchvision's parameter names
    ops/            boxes, and layers that models share
    utils.py        images put together in a grid, and saved
    io.py           image files to tensors and back

Reading and drawing images needs Pillow: `pip install pillow`.
"""

from . import datasets, io, models, ops, transforms, utils
from .backend import disable_beta_transforms_warning, get_image_backend, set_image_backend
from .version import __version__
