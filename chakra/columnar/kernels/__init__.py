"""Numba kernels by family: loops over bytes and addresses; they know no Python object and raise nothing."""
