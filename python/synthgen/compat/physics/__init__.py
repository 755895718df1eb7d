"""The five tasks of Physics of Language Models in the manner of the Hugging Face generators.

Rows are in the reference's token ids, which a configuration may replace. A configuration may also name any parameter of
the task by our name.
"""

from .brevo import generate_brevo_example, make_brevo_hf_dataset, validate_brevo_example
from .capo import generate_capo_example, make_capo_hf_dataset, validate_capo_example
from .depo import generate_depo_example, make_depo_hf_dataset, validate_depo_example
from .form import DEFAULTS, DEPO_DEFAULTS, SEED, Row
from .lano import generate_lano_example, make_lano_hf_dataset, validate_lano_example
from .mano import generate_mano_example, make_mano_hf_dataset, validate_mano_example

__all__ = [
    "DEFAULTS",
    "DEPO_DEFAULTS",
    "SEED",
    "Row",
    "generate_brevo_example",
    "generate_capo_example",
    "generate_depo_example",
    "generate_lano_example",
    "generate_mano_example",
    "make_brevo_hf_dataset",
    "make_capo_hf_dataset",
    "make_depo_hf_dataset",
    "make_lano_hf_dataset",
    "make_mano_hf_dataset",
    "validate_brevo_example",
    "validate_capo_example",
    "validate_depo_example",
    "validate_lano_example",
    "validate_mano_example",
]
