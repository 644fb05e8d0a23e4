"""What the page's words mean, for a student who has not met them."""

import streamlit as st

from app.figures.study_marks import NAMES

ABOUT = {
    "rtn": "every weight is rounded to the nearest multiple of its scale. 64 weights share a scale; the "
    "grid has 2, 3 or 4 bits.",
    "gptq": "the same scales and grid. Each rounding error is made up for by the weights still to come.",
    "gptq_huffman": "the codes of GPTQ, stored with a Huffman code. The model is the same, the file smaller.",
    "ssqr": "scales so wide that 1 % of the weights do not fit. Those are kept aside in 16 bits.",
    "hrtn": "round to nearest with one scale for a whole layer and no grid. Codes are entropy-coded.",
    "hptq": "the same, but with GPTQ's way of making up for errors: nearest plane.",
    "watersic": "HPTQ with a spacing for each column, in proportion to $1/R_{jj}$. $R_{jj}$ is what "
    "nobody else can make up for. (WaterSIC.)",
    "watersic_k_best": "the same, with two refinements, explained at the right.",
}


def words() -> None:
    """In an expander, two columns."""
    with st.expander("What the words mean", icon=":material/sort:"):
        left, right = st.columns(2, gap="large")
        with left:
            st.markdown("**How the damage is measured**")
            st.markdown(_DAMAGE)
            st.markdown("**Ways to quantize**")
            st.markdown("\n".join(f"- **{NAMES[key]}**: {about}" for key, about in ABOUT.items()))
        with right:
            st.markdown("**How weights are stored**")
            st.markdown(_STORING)
            st.markdown("**Refinements**")
            st.markdown(_REFINEMENTS)
            st.markdown("**What a layer's inputs are gathered from**")
            st.markdown(_INPUTS)


_DAMAGE = """\
- A **token** is a word or a part of one. The model gives each possible next token a probability.
- **Perplexity**: take the probability of the token that really comes, its $-\\log$, the mean over the
  text, and $e$ to that. 20 means: as unsure as choosing among 20 equally likely tokens.
- **KL divergence** (after Kullback and Leibler): how far a prediction $q$ of the quantized model is from
  the original's $p$, $\\sum p \\log (p/q)$ over all tokens, then the mean over the text. It is 0 if both are the
  same. Its unit is the *nat*, for the logarithm is natural.
- **Agreement**: how often both think the same token the likeliest.
- **Loss** of a layer: the squared change of its output, damping included, over the squared size of the output.
  Summed over the 210 layers.
- **Held-out** loss: the same on text that was used neither to quantize nor to measure perplexity.
- **Bound**: what the loss cannot exceed as long as no code is clipped. It follows from the spacing of the
  grid and the layer's inputs."""

_STORING = """\
- A weight is stored as an integer, its **code**, times a **scale** (the spacing of the grid).
- A **grid** of $b$ bits has the codes $-2^{b-1} \\dots 2^{b-1}-1$. A code beyond is **clipped** to its end.
- **Entropy-coded**: frequent codes get few bits, rare ones many. A **Huffman code** gives each code a
  whole number of bits. **ANS** (asymmetric numeral systems) also uses fractions of a bit.
- **Bits a weight**: everything that is stored for the linear layers of the blocks (codes, scales, code tables,
  weights kept aside) over the number of their weights. Embedding, norms and last layer are not quantized
  and not counted.
- **Gaussian reference**: the fewest bits with which independent Gaussian weights could be stored at the
  same loss. Real weights are not Gaussian, so a layer may lie below it."""

_REFINEMENTS = """\
- **K-best**: nearest plane keeps one partial result a row. K-best keeps the K best, and takes the
  best of them at the end.
- **Rate-aware**: codes are chosen for loss and bits together. A code that is a little worse and much
  shorter wins.
- **Coordinate descent**: at the end, single codes are moved for as long as that lowers the loss.
- **Refit**: with the codes known, columns and rows get the scale factors that suit them best."""

_INPUTS = """\
- **One-shot**: text runs through the original model.
- **Sequential**: text runs through the blocks before as they are once quantized, so a layer sees their errors.
- **Targets of the original**: sequential, and a layer is to reproduce what it does in the original model. So it
  makes up for errors before it."""
