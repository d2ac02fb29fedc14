"""What the networks that Lightning trains have in common: a section of the config, and a file that alone suffices."""

from __future__ import annotations

import dataclasses
import os
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from lcom.base.messages import one_line
from lcom.base.settings import parse_settings
from lcom.base.tensors import load_tensors, save_tensors
from lcom.batch import Batch
from lcom.nets.initial import weights_in_a_file


class Network(nn.Module, ABC):
    """A network that is made from its settings alone."""

    section: ClassVar[str]  # of the config, which holds the settings; the rule train_<section> trains it
    title: ClassVar[str]  # in messages
    Settings: ClassVar[type]  # the dataclass of the settings

    def __init__(self, settings: Any) -> None:
        super().__init__()
        self.settings = settings
        self.in_bfloat16 = False  # products in bfloat16, for training on devices that have it

    @abstractmethod
    def fit_scaler(self, batch: Batch) -> None:
        """Take means and deviations from the training set."""

    @abstractmethod
    def losses(self, batch: Batch, generator: torch.Generator, teacher: bool = True) -> dict[str, Tensor]:
        """``loss``, and what else is to be logged; all noise from the generator."""

    def save(self, path: str | os.PathLike, **meta: Any) -> None:
        """Weights, scalers and settings as one file."""
        save_tensors(path, self.state_dict(), {self.section: dataclasses.asdict(self.settings), **meta})

    def precision(self, device: torch.device) -> torch.autocast:
        """Within it, products are taken as ``in_bfloat16`` says."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.in_bfloat16)

    def begin_from(self, path: str | os.PathLike) -> None:
        """Take weights and scalers from a file of a network of the same sizes. A ValueError if they are others."""
        tensors, _ = load_tensors(path)
        try:
            self.load_state_dict(tensors)
        except RuntimeError as error:
            raise ValueError(
                f"config: '{self.section}.training.begin': the weights of {path} are of other sizes. Begin from random ones, or "
                f"have the sizes of the section as there ({one_line(error, 200)})"
            ) from error

    @classmethod
    def load(cls, path: str | os.PathLike, device: torch.device | str = "cpu") -> Self:
        """A ValueError if the file holds another network or one of another version."""
        tensors, meta = load_tensors(path)
        if cls.section not in meta:
            raise ValueError(f"{path} is no {cls.title}: it should be the output of the rule train_{cls.section}")
        try:
            with weights_in_a_file():
                model = cls(parse_settings(cls.Settings, meta[cls.section], cls.section))
            model.load_state_dict(tensors)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(
                f"{path} was written by another version of lcom: remove it to train it anew ({error})"
            ) from error
        return model.to(device).eval()
