"""The release of torchvision whose behaviour is matched, since programs compare versions."""

__version__ = "0.29.1"
