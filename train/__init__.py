"""The trainer, run as ``python -m train``: the only room that may import torch and the like."""
