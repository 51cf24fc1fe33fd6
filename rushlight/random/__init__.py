"""Random numbers that repeat PyTorch's: the same seed gives the same numbers, bit for bit.

    twister.py       the Mersenne Twister: a state, and words, uniform numbers and integers drawn from it
    generator.py     Generator, the default generator and the functions that drive it (torch.random's names)
    continuous.py    uniform, normal, exponential, Cauchy, log-normal: arrays from words
    discrete.py      integers, permutations, coin tosses, dropout masks, waiting times, categories
    rejection.py     Poisson, binomial, gamma, Dirichlet
    in_place.py      the same samplers writing into arrays of any strides
    box_muller.py    the normal transform on blocks of 16, with PyTorch's float32 polynomials
    examples.py      what `vmap` asks of samplers
    arithmetic.py    rounding once where PyTorch rounds once; the C library's functions

Samplers draw NumPy arrays, and move them to the device of their generator; the functions on Tensors
(`rushlight.rand`, `Tensor.normal_`, ...) call them.
"""

from .continuous import cauchy as cauchy
from .continuous import exponential as exponential
from .continuous import log_normal as log_normal
from .continuous import normal as normal
from .continuous import normal_around as normal_around
from .continuous import normal_one_by_one as normal_one_by_one
from .continuous import uniform as uniform
from .discrete import bernoulli as bernoulli
from .discrete import bernoulli_each as bernoulli_each
from .discrete import dropout_mask as dropout_mask
from .discrete import geometric as geometric
from .discrete import integers as integers
from .discrete import multinomial as multinomial
from .discrete import permutation as permutation
from .discrete import random_integers as random_integers
from .examples import with_room as with_room
from .generator import Generator as Generator
from .generator import default_generator as default_generator
from .generator import fork_rng as fork_rng
from .generator import get_rng_state as get_rng_state
from .generator import initial_seed as initial_seed
from .generator import manual_seed as manual_seed
from .generator import of_gpu as of_gpu
from .generator import of_gpus as of_gpus
from .generator import seed as seed
from .generator import set_rng_state as set_rng_state
from .generator import source as source
from .in_place import axes_by_stride as axes_by_stride
from .in_place import bernoulli_ as bernoulli_
from .in_place import bernoulli_each_ as bernoulli_each_
from .in_place import cauchy_ as cauchy_
from .in_place import exponential_ as exponential_
from .in_place import geometric_ as geometric_
from .in_place import integers_ as integers_
from .in_place import log_normal_ as log_normal_
from .in_place import normal_ as normal_
from .in_place import random_integers_ as random_integers_
from .in_place import uniform_ as uniform_
from .rejection import binomial as binomial
from .rejection import dirichlet as dirichlet
from .rejection import poisson as poisson
from .rejection import standard_gamma as standard_gamma
