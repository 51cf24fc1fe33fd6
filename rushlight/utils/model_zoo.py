"""`torch.utils.model_zoo`: weights from the network, under the names of before PyTorch 1.0; see `hub`."""

from ..hub import download_url_to_file
from ..hub import load_state_dict_from_url as load_url

__all__ = ["download_url_to_file", "load_url"]
