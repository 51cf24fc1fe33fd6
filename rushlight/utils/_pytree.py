"""`torch.utils._pytree`: nested containers, under the module's name in PyTorch. See `rushlight.pytree`."""

from .. import pytree as _pytree
from ..pytree import SUPPORTED_NODES as SUPPORTED_NODES
from ..pytree import Context as Context
from ..pytree import LeafSpec as LeafSpec
from ..pytree import MappingKey as MappingKey
from ..pytree import NodeDef as NodeDef
from ..pytree import PyTree as PyTree
from ..pytree import TreeSpec as TreeSpec
from ..pytree import register_pytree_node as register_pytree_node
from ..pytree import spread as spread
from ..pytree import tree_all as tree_all
from ..pytree import tree_all_only as tree_all_only
from ..pytree import tree_any as tree_any
from ..pytree import tree_any_only as tree_any_only
from ..pytree import tree_flatten as tree_flatten
from ..pytree import tree_is_leaf as tree_is_leaf
from ..pytree import tree_iter as tree_iter
from ..pytree import tree_leaves as tree_leaves
from ..pytree import tree_map as tree_map
from ..pytree import tree_map_ as tree_map_
from ..pytree import tree_map_only as tree_map_only
from ..pytree import tree_map_only_ as tree_map_only_
from ..pytree import tree_structure as tree_structure
from ..pytree import tree_unflatten as tree_unflatten

_register_pytree_node = register_pytree_node
_dict_flatten = _pytree.dict_flatten
_dict_flatten_with_keys = _pytree.dict_flatten_with_keys
_dict_unflatten = _pytree.dict_unflatten
_get_node_type = _pytree.node_type
_broadcast_to_and_flatten = spread
