"""The lines of Python that reproduce what a page of the laboratory shows. Tests run them in a fresh interpreter."""

from collections.abc import Iterable

from app.audit.choice import GROUP_SIZE, LAYER, TOKENS, AuditChoice, Example
from app.gpu_kernels.choice import KernelChoice
from app.real_layers.choice import LayerChoice
from app.whole_model.choice import ModelChoice
from lattice_core.language_model.study_record import StudyRun


def compare_orders_snippet(choice: LayerChoice, text_source: str = "") -> str:
    """The four orders on a layer of the packaged model; a text of the visitor's has a source."""
    tokens = _tokens_call(choice.text, choice.tokens, choice.seed, text_source)
    return f"""\
from lattice_core.language_model import {_used_by([tokens])}
from lattice_core.layers.order_comparison import compare_orders

layer = {choice.layer!r}
loaded = load_model()
tokens = {tokens}
hessian = collect_hessians(loaded, tokens, layers=[layer])[layer]
weight = linear_layers(loaded.model)[layer].weight

comparison = compare_orders(
    weight,
    hessian,
    bits={choice.bits},
    group_size={choice.group},
    scale_rule={choice.scales!r},
    damping={choice.damping!r},
)
for result in comparison.results:
    print(result.overflow, result.order, result.pivot_sum, result.loss, result.bound)
"""


def survey_snippet(choice: LayerChoice, file: str = "") -> str:
    """The four orders on every layer of the packaged model."""
    tokens = _tokens_call(choice.text, choice.tokens, choice.seed, file)
    return f"""\
from lattice_core.language_model import {_used_by([tokens], "survey_orders")}

loaded = load_model()
tokens = {tokens}
layers = list(linear_layers(loaded.model))
hessians = collect_hessians(loaded, tokens, layers=layers)
survey = survey_orders(
    loaded,
    hessians,
    bits={choice.bits},
    group_size={choice.group},
    scale_rule={choice.scales!r},
    damping={choice.damping!r},
)
for layer in survey:
    for result in layer.results:
        print(layer.layer, result.overflow, result.order, result.pivot_sum, result.loss, result.bound)
"""


def calibration_transfer_snippet(choice: LayerChoice, file: str = "") -> str:
    """The layer calibrated on each of the texts compared; a text of the visitor's is a file."""
    calls = {
        name: _tokens_call(text, choice.tokens, seed, file)
        for name, (text, seed) in choice.compared.items()
    }
    tokens = "\n".join(f"    {name!r}: {call}," for name, call in calls.items())
    return f"""\
from lattice_core.language_model import {_used_by(calls.values())}
from lattice_core.layers.calibration_transfer import calibration_transfer

layer = {choice.layer!r}
loaded = load_model()
tokens = {{
{tokens}
}}
hessians = {{
    name: collect_hessians(loaded, ids, layers=[layer])[layer] for name, ids in tokens.items()
}}
weight = linear_layers(loaded.model)[layer].weight

transfer = calibration_transfer(
    weight,
    hessians,
    bits={choice.bits},
    group_size={choice.group},
    scale_rule={choice.scales!r},
    damping={choice.damping!r},
)
for text, losses in zip(transfer.texts, transfer.losses):
    print(text, *losses)  # calibrated on this text, judged on each
print("nearest", *transfer.nearest_losses)
"""


def audit_snippet(choice: AuditChoice) -> str:
    """The audit of a file, or of a layer of the packaged model that is quantized first."""
    if choice.example is None:
        return f"""\
from lattice_core.layers.audit import audit_layer
from lattice_core.layers.audit_file import read_audit_file

file = read_audit_file("layer.npz")
audit = audit_layer(
    file.weight,
    file.quantized,
    file.hessian,
    damping={choice.damping!r},
    scales=file.scales,
    codes=file.codes,
)
{_AUDIT_PRINTED}"""
    return _audit_example(choice.example, choice.damping)


_AUDIT_PRINTED = """\
print(audit.bits, audit.group_size, audit.order, audit.relative_loss, audit.clipped_fraction)
for each in audit.explanations:
    print(each.order, each.step_share, each.share, each.clipped_fraction, each.bound, each.loss)
for other in audit.alternatives:
    print(other.name, other.ratio, other.bits, other.audited_bits)
"""


def _audit_example(example: Example, damping: float) -> str:
    return f"""\
from lattice_core.language_model import {_used_by(["embedded_text(", "tokenize("])}
from lattice_core.layers import quantize_layer
from lattice_core.layers.audit import audit_layer

layer = {LAYER!r}
loaded = load_model()
hessians = {{}}
for name in {list(example.texts)!r}:
    tokens = tokenize(loaded, embedded_text(name), {TOKENS})
    hessians[name] = collect_hessians(loaded, tokens, layers=[layer])[layer]
weight = linear_layers(loaded.model)[layer].weight
made = quantize_layer(
    weight,
    hessians["calibration"],
    {example.method!r},
    bits={example.bits},
    group_size={GROUP_SIZE},
    order={example.order!r},
    overflow={example.overflow!r},
)

# From here on the audit knows three matrices, and not how the second was made.
quantized = made.dequantize().float()
audit = audit_layer(weight, quantized, hessians[{example.judged_on!r}], damping={damping!r})
{_AUDIT_PRINTED}"""


def packing_snippet(choice: KernelChoice) -> str:
    """Quantize a layer with outliers, pack it, multiply with it."""
    columns = choice.group or 512
    return f"""\
import torch
from kernels.dispatch import choose, quantized_matmul
from kernels.packing import pack, unpack
from lattice_core.layers import quantize_layer

torch.manual_seed(0)
weight, inputs = torch.randn(256, 512), torch.randn(2048, 512)
layer = quantize_layer(
    weight, inputs.T @ inputs, "ssqr", bits={choice.bits}, group_size={columns}, outlier_rate={choice.outliers!r}
)
packed = pack(
    layer.codes, layer.group_scales, layer.outliers, bits={choice.bits}, group_size={columns}
)
assert torch.equal(unpack(packed)[0], layer.codes.to(torch.int8))
print(packed.bits_per_weight, "bits a weight,", packed.outlier_rate, "kept aside")

x = torch.randn(1, 512, dtype=torch.bfloat16)
backend, why = choose(x, packed)
y = quantized_matmul(x, packed)
exact = x.double() @ layer.dequantize().T
print(backend, why, ((y - exact).norm() / exact.norm()).item())
"""


def kernel_benchmark_snippet(choice: KernelChoice) -> str:
    """The products that the page measures."""
    columns, rows = choice.columns_and_rows
    return f"""\
import torch
from kernels.benchmark.cases import Case
from kernels.benchmark.measure import Measurement, measure

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
case = Case({columns}, {rows}, {choice.bits}, {choice.outliers!r}, group_size={choice.group or columns})
for found in measure(case, [1, 16], device):
    if isinstance(found, Measurement):
        print(found.contender, found.rows_of_x, found.microseconds.median, found.error)
    else:
        print(found.contender, "did not run:", found.reason)
"""


def generation_snippet(choice: KernelChoice) -> str:
    """The packaged model with packed layers, writing."""
    return f"""\
import torch
from kernels.benchmark.decoding import to_nearest
from kernels.decoder import SMOLLM2_135M, Decoder
from kernels.generation import generate
from kernels.quantized_linear import replace_linears
from lattice_core.language_model import load_model

loaded = load_model()
decoder = Decoder(SMOLLM2_135M, torch.bfloat16)
decoder.load_state_dict(loaded.model.state_dict())
# Rounded to nearest, which is quick; the page quantizes with SSQR (see the packing of a layer).
packed = {{
    name: to_nearest(layer.weight, bits={choice.bits}, group_size=64, rate={choice.outliers!r})
    for name, layer in decoder.layers.items()
}}
replace_linears(decoder, packed, backend="auto")

prompt = torch.tensor(loaded.tokenizer("The sky is blue because")["input_ids"])
found = generate(decoder, prompt, {choice.tokens})
print(loaded.tokenizer.decode(found.tokens))
print(found.tokens_per_second, "tokens a second")
"""


def study_snippet(run: StudyRun) -> str:
    """What was recorded, and how to run it again."""
    point = {
        "stage": run.stage,
        "contender": run.contender,
        "target_bits": run.target_bits,
        "order": run.order,
        "overflow": run.overflow,
        "inputs": run.inputs,
        "targets": run.targets,
        "seed": run.seed,
    }
    arguments = "".join(f"    {name}={value!r},\n" for name, value in point.items())
    return f"""\
from pathlib import Path
from lattice_core.language_model import load_model, read_text
from lattice_core.language_model.study import StudyRunner, StudyText
from lattice_core.language_model.study_plan import StudyPoint
from lattice_core.language_model.study_record import recorded_study

point = StudyPoint(
{arguments})
run = recorded_study().run(point.key)
print(run.bits_per_weight, run.perplexity, run.divergence, run.agreement)

text = Path("wiki.test.raw")  # the test part of WikiText-2 raw; then it is run again, in some minutes
if text.exists():
    runner = StudyRunner(load_model(), StudyText(read_text(text)), Path("study"))
    for again in runner.run([point]):
        print(again.bits_per_weight, again.perplexity, again.divergence, again.agreement)
"""


def whole_model_snippet(choice: ModelChoice) -> str:
    """Quantize the packaged model into a folder, then judge it."""
    options = {
        "outlier_rate": choice.outliers if choice.method == "ssqr" else None,
        "decoder": "k_best" if choice.beams else None,
        "k": choice.beams,
        "refine": "coordinate_descent" if choice.descent else None,
        "refit_scales": choice.refit or None,
        "rate_aware": choice.rate_aware or None,
    }
    asked = "".join(f", {name}={value!r}" for name, value in options.items() if value is not None)
    inputs = "one_shot" if choice.inputs == "one_shot" else "sequential"
    targets = "unquantized" if choice.inputs == "targets" else "own"
    return f"""\
from dataclasses import replace
from lattice_core.language_model import Recipe, embedded_text, gather_reference, load_model
from lattice_core.language_model import quantize_to_folder, tokenize, write_text
from lattice_core.language_model.evaluate import evaluate
from lattice_core.language_model.study_judge import PROMPT
from lattice_core.language_model.study_plan import CONTENDERS, WINDOW

settings = replace(CONTENDERS[{choice.method!r}].settings({choice.target_bits!r}){asked})
recipe = Recipe(
    settings, order={choice.order!r}, inputs={inputs!r}, targets={targets!r}, window=WINDOW
)
loaded = load_model()
calibration = tokenize(loaded, embedded_text("calibration"), {choice.tokens})
checkpoint = quantize_to_folder(loaded, calibration, recipe, "quantized")

tokens = tokenize(loaded, embedded_text("evaluation"), {choice.evaluated})
reference = gather_reference(loaded, tokens)
model = checkpoint.model(loaded)
found = evaluate(model, tokens, reference=reference)
print(checkpoint.report.bits_per_weight, found.perplexity, found.divergence, found.agreement)
print(write_text(model, PROMPT, 64))
"""


def _tokens_call(text: str, count: int, seed: int | None, file: str) -> str:
    """The call that makes the tokens of a calibration."""
    made = f"read_text({file!r})" if text == "file" else f"embedded_text({text!r})"
    if seed is None:
        return f"tokenize(loaded, {made}, {count})"
    return f"draw_windows(loaded, {made}, {count}, seed={seed})"


def _used_by(calls: Iterable[str], *others: str) -> str:
    """What must be imported from the language model, each once."""
    always = {"collect_hessians", "linear_layers", "load_model", *others}
    makers = ("draw_windows", "embedded_text", "read_text", "tokenize")
    used = always | {name for name in makers for call in calls if f"{name}(" in call}
    return "(\n    " + ",\n    ".join(sorted(used)) + ",\n)"
