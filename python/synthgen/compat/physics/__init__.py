"""The five tasks of Physics of Language Models in the manner of the Hugging Face generators.

Rows are in the reference's token ids, which a configuration may replace. A configuration may also name any parameter of
the task by our name.
"""

from .brevo import Brevo, generate_brevo_example, make_brevo_hf_dataset, validate_brevo_example
from .capo import Capo, generate_capo_example, make_capo_hf_dataset, validate_capo_example
from .depo import Depo, generate_depo_example, make_depo_hf_dataset, validate_depo_example
from .form import DEFAULTS, DEPO_DEFAULTS, SEED, Form, Row
from .lano import Lano, generate_lano_example, make_lano_hf_dataset, validate_lano_example
from .mano import Mano, generate_mano_example, make_mano_hf_dataset, validate_mano_example

FORMS: dict[str, type[Form]] = {form.task: form for form in (Brevo, Capo, Depo, Lano, Mano)}
"""What knows a task at a configuration of the original's, by task."""

__all__ = [
    "DEFAULTS",
    "DEPO_DEFAULTS",
    "FORMS",
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
