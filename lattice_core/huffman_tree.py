"""The tree of a Huffman code, built up from the lengths of its words.

A Huffman code is made by merging, again and again, the two rarest. Only the lengths of its words are stored, so
they are what a table tells. They are enough to see the merges again: level by level from the longest
words up, the rarest two of a level are merged first. No code outside that level is rarer, or exchanging
the two would make the code shorter. So every merge is one of the two rarest there are (where counts are
equal, one of several such choices).

Source: D. Huffman, *A method for the construction of minimum-redundancy codes*, Proc. IRE 40 (1952);
R. Gallager, *Variations on a theme by Huffman*, IEEE Trans. Inf. Theory 24 (1978), the sibling property.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class TreeNode:
    """A code, or two nodes merged.

    Attributes
    ----------
    codes : tuple of int
        The codes below it.
    count : int
        How often they occur together.
    depth : int
        Steps from the root: for a code the length of its word.
    """

    codes: tuple[int, ...]
    count: int
    depth: int


@dataclass(frozen=True)
class Merge:
    """Two nodes become one; the heavier of them is `left`."""

    left: TreeNode
    right: TreeNode
    parent: TreeNode


def merges(counts: Mapping[int, int], words: Mapping[int, str]) -> tuple[Merge, ...]:
    """The merges of the two rarest that lead to words of these lengths; the last one makes the root.

    Parameters
    ----------
    counts : mapping
        How often each code occurs.
    words : mapping
        Its word of 0s and 1s; the same codes.

    Raises
    ------
    ValueError
        If the words are those of no whole tree, or not of a Huffman code for these counts.

    Examples
    --------
    >>> [merge.parent.codes for merge in merges({0: 5, 1: 2, 2: 1}, {0: "0", 1: "10", 2: "11"})]
    [(1, 2), (0, 1, 2)]
    """
    if counts.keys() != words.keys():
        raise ValueError(f"{len(counts)} counts came with {len(words)} words; one each was wanted.")
    levels: dict[int, list[TreeNode]] = {}
    for code, word in words.items():
        levels.setdefault(len(word), []).append(TreeNode((code,), counts[code], len(word)))
    found = []
    for depth in range(max(levels), 0, -1):
        level = sorted(levels.get(depth, []), key=lambda node: (node.count, node.codes))
        if len(level) % 2:
            raise ValueError(f"{len(level)} nodes are {depth} steps from the root: no whole tree.")
        for right, left in zip(level[::2], level[1::2], strict=True):
            parent = TreeNode(left.codes + right.codes, left.count + right.count, depth - 1)
            found.append(Merge(left, right, parent))
            levels.setdefault(depth - 1, []).append(parent)
    _require_the_rarest(found, levels)
    return tuple(found)


def mean_length(counts: Mapping[int, int], words: Mapping[int, str]) -> float:
    """Bits a code: the words' lengths, each as often as its code occurs."""
    return sum(count * len(words[code]) for code, count in counts.items()) / sum(counts.values())


def entropy(counts: Mapping[int, int]) -> float:
    """Bits a code that an ideal coder of single codes needs: ``Σ p log2(1/p)``."""
    total = sum(counts.values())
    return sum(c / total * math.log2(total / c) for c in counts.values() if c)


def _require_the_rarest(found: list[Merge], levels: dict[int, list[TreeNode]]) -> None:
    """No node may be rarer than one further from the root."""
    depths = sorted(levels)
    for upper, lower in pairwise(depths):
        if min(n.count for n in levels[upper]) < max(n.count for n in levels[lower]):
            raise ValueError(
                f"a code {upper} steps from the root is rarer than one {lower} steps from it: these are not "
                "the words of a Huffman code for these counts."
            )
    if len(levels[0]) != 1 or (found and found[-1].parent.depth):
        raise ValueError("the words have more than one root: no whole tree.")
