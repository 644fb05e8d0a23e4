"""``nearest-plane layers``: what there is to quantize."""

from app.command_line.loading import load
from app.command_line.options import Json, Model
from app.command_line.printing import print_json, print_table

SHORT = "List the linear layers of a model."
EXAMPLES = """\b
Examples:
  nearest-plane layers
  nearest-plane layers Qwen/Qwen3-0.6B --json
"""


def run(model: Model = None, json: Json = False) -> None:
    """List the linear layers of a model: those that `quantize` would quantize.

    Rows are outputs and columns inputs. Embeddings, norms, biases and the last layer stay as they are.
    """
    from lattice_core.language_model.quantize import quantizable_layers

    loaded = load(model, "cpu", "float32", None)
    layers = quantizable_layers(loaded.model, None)
    rows = [(name, *layer.weight.shape, layer.weight.numel()) for name, layer in layers.items()]
    weights = sum(count for *_, count in rows)
    everything = sum(parameter.numel() for parameter in loaded.model.parameters())
    if json:
        listed = [
            dict(zip(("name", "rows", "columns", "weights"), row, strict=True)) for row in rows
        ]
        print_json(
            {
                "source": loaded.source,
                "weights": weights,
                "parameters": everything,
                "layers": listed,
            }
        )
        return
    print_table(
        ["layer", "rows", "columns", "weights"],
        [(name, r, c, f"{count:,}") for name, r, c, count in rows],
    )
    print(
        f"\n{loaded.source}: {len(rows)} linear layers with {weights:,} of {everything:,} parameters."
    )
