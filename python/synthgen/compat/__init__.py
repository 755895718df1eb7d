"""The names and conventions of the programs that synthgen replaces, for code that already uses them.

Four families: task classes in the manner of SynthLM (`DynaTask().generate_sample(...)`), functions in the manner of
the Hugging Face generators (`generate_depo_example`, `validate_depo_example`, `make_depo_hf_dataset`), the generators
of the copy-task experiment (`CopyTaskGenerator().generate_batch(...)`), and the rows of the 2-D trigger experiment
(`generate_trigger2d_rows`). All of it draws from the same tasks;
only names, argument names and the layout of the results differ. docs/compat.md has a table of the names.
"""

from __future__ import annotations

from .copying import (
    CopyTaskGenerator,
    DownstreamTaskGenerator,
    InContextLearningEvaluator,
    RetrievalQAEvaluator,
    create_evaluation_suite,
)
from .names import SEED_NAMES, our_params
from .physics import (
    DEFAULTS,
    DEPO_DEFAULTS,
    generate_brevo_example,
    generate_capo_example,
    generate_depo_example,
    generate_lano_example,
    generate_mano_example,
    make_brevo_hf_dataset,
    make_capo_hf_dataset,
    make_depo_hf_dataset,
    make_lano_hf_dataset,
    make_mano_hf_dataset,
    validate_brevo_example,
    validate_capo_example,
    validate_depo_example,
    validate_lano_example,
    validate_mano_example,
)
from .synthlm import (
    DynaTask,
    FiltroTask,
    InductoTask,
    LogicTask,
    generate_dyna_example,
    generate_filtro_example,
    generate_inducto_example,
    generate_logic_example,
    make_dyna_hf_dataset,
    make_filtro_hf_dataset,
    make_inducto_hf_dataset,
    make_logic_hf_dataset,
    validate_dyna_example,
    validate_filtro_example,
    validate_inducto_example,
    validate_logic_example,
)
from .trigger2d import CATEGORY_DEFAULTS, generate_trigger2d_rows, prompt_template_presets

__all__ = [
    "CATEGORY_DEFAULTS",
    "DEFAULTS",
    "DEPO_DEFAULTS",
    "SEED_NAMES",
    "CopyTaskGenerator",
    "DownstreamTaskGenerator",
    "DynaTask",
    "FiltroTask",
    "InContextLearningEvaluator",
    "InductoTask",
    "LogicTask",
    "RetrievalQAEvaluator",
    "create_evaluation_suite",
    "generate_brevo_example",
    "generate_capo_example",
    "generate_depo_example",
    "generate_dyna_example",
    "generate_filtro_example",
    "generate_inducto_example",
    "generate_lano_example",
    "generate_logic_example",
    "generate_mano_example",
    "generate_trigger2d_rows",
    "make_brevo_hf_dataset",
    "make_capo_hf_dataset",
    "make_depo_hf_dataset",
    "make_dyna_hf_dataset",
    "make_filtro_hf_dataset",
    "make_inducto_hf_dataset",
    "make_lano_hf_dataset",
    "make_logic_hf_dataset",
    "make_mano_hf_dataset",
    "our_params",
    "prompt_template_presets",
    "validate_brevo_example",
    "validate_capo_example",
    "validate_depo_example",
    "validate_dyna_example",
    "validate_filtro_example",
    "validate_inducto_example",
    "validate_lano_example",
    "validate_logic_example",
    "validate_mano_example",
]
