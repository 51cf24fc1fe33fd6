"""Networks that classify images, with torchvision's parameter names, so that its published weights load.

resnet.py ...                     the networks, a family each
initial.py                        what their weights begin with
weights.py, published.json        published weights: `weights=`
presets.py                        how images are prepared for them
registry.py                       models by name
"""

from .alexnet import *
from .convnext import *
from .densenet import *
from .efficientnet import *
from .googlenet import *
from .inception import *
from .mnasnet import *
from .mobilenetv2 import *
from .mobilenetv3 import *
from .registry import get_model, get_model_builder, get_model_weights, get_weight, list_models, register_model
from .resnet import *
from .shufflenetv2 import *
from .squeezenet import *
from .vgg import *
from .vision_transformer import *
from .weights import Weights, WeightsEnum
