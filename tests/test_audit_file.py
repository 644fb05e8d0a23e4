"""Files to audit: read whatever their names and types, and refused with what is missing."""

import io

import numpy as np
import pytest

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")

from lattice_core.layers.audit_file import read_audit_file  # noqa: E402


def arrays(rng: np.random.Generator):
    """W, Q and X of a layer."""
    return (
        rng.standard_normal((7, 13)),
        rng.standard_normal((7, 13)),
        rng.standard_normal((30, 13)),
    )


def npz(**named) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **named)
    return buffer.getvalue()


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".NPZ"])
@pytest.mark.parametrize("as_bytes", [True, False])
@pytest.mark.parametrize("names", ["WQH", "wqh", ("weight", "Quantized", "HESSIAN")])
def test_both_formats_by_path_and_by_bytes(suffix, as_bytes, names, rng, tmp_path) -> None:
    weight, quantized, inputs = arrays(rng)
    named = dict(zip(names, (weight, quantized, inputs.T @ inputs), strict=True))
    path = tmp_path / f"layer{suffix}"
    if suffix == ".safetensors":
        tensors = {name: torch.tensor(array) for name, array in named.items()}
        path.write_bytes(safetensors.save(tensors))
    else:
        path.write_bytes(npz(**named, note=np.zeros(3)))
    read = read_audit_file(path.read_bytes(), path.name) if as_bytes else read_audit_file(path)
    np.testing.assert_array_equal(read.weight, weight)
    np.testing.assert_array_equal(read.quantized, quantized)
    np.testing.assert_array_equal(read.hessian, inputs.T @ inputs)
    assert read.scales is None
    assert read.codes is None


def test_inputs_stand_in_for_the_hessian(rng) -> None:
    weight, quantized, inputs = arrays(rng)
    for given in (inputs, inputs.astype(np.float32), inputs.reshape(2, 15, 13)):
        read = read_audit_file(npz(W=weight, Q=quantized, X=given), "layer.npz")
        flat = given.reshape(-1, 13).astype(np.float64)
        np.testing.assert_allclose(read.hessian, flat.T @ flat, rtol=1e-12, atol=1e-12)
    both = read_audit_file(npz(W=weight, Q=quantized, X=inputs, H=np.eye(13)), "layer.npz")
    np.testing.assert_array_equal(both.hessian, np.eye(13))


def test_scales_and_codes_come_along_in_any_type(rng) -> None:
    weight, quantized, inputs = arrays(rng)
    hessian = inputs.T @ inputs
    codes = rng.integers(0, 16, (7, 13))
    for kind in (np.uint8, np.uint16, np.int8, ">i4"):
        content = npz(
            W=weight.astype(">f4"),
            Q=quantized.astype(np.float16),
            H=hessian.astype(np.longdouble),
            scales=np.ones(7),
            Codes=codes.astype(kind),
        )
        read = read_audit_file(content, "layer.npz")
        np.testing.assert_array_equal(read.codes, codes)
        np.testing.assert_array_equal(read.weight, weight.astype(np.float32))
        np.testing.assert_array_equal(read.hessian, hessian)
        assert read.quantized.dtype == torch.float16
        assert read.scales is not None
    tensors = {name: torch.ones(2, 2, dtype=torch.bfloat16) for name in "WQH"}
    assert (
        read_audit_file(safetensors.save(tensors), "a.safetensors").weight.dtype == torch.bfloat16
    )


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({}, r"holds nothing; W and Q and H \(or X\) are missing"),
        ({"W": np.eye(2), "H": np.eye(2)}, r"holds W, H; Q is missing"),
        ({"W": np.eye(2), "Q": np.eye(2), "G": np.eye(2)}, r"holds W, Q, G; H \(or X\) is missing"),
        ({"W": np.eye(2), "w": np.eye(2), "Q": np.eye(2)}, "holds W and w; one of them was wanted"),
        ({"W": np.eye(2) * 1j, "Q": np.eye(2), "H": np.eye(2)}, "W holds complex128"),
        ({"W": np.array("text"), "Q": np.eye(2), "H": np.eye(2)}, "W holds <U4"),
        ({"W": np.eye(2), "Q": np.eye(2), "X": np.ones(2)}, r"X has shape \(2,\)"),
        ({"W": np.eye(2), "Q": np.eye(2), "X": np.full((3, 2), np.nan)}, "hold NaN or infinity"),
    ],
)
def test_missing_arrays_are_named_with_what_was_found(named, message) -> None:
    with pytest.raises(ValueError, match=message):
        read_audit_file(npz(**named), "layer.npz")


class _Bomb:
    """Would run code if it were unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def test_pickles_are_refused_unread() -> None:
    content = npz(W=np.array([_Bomb()], dtype=object), Q=np.eye(2), H=np.eye(2))
    with pytest.raises(ValueError, match=r"could not be read as an \.npz file of plain numbers"):
        read_audit_file(content, "layer.npz")


@pytest.mark.parametrize("name", ["layer.npz", "layer.safetensors"])
@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 not a zip", b"\x08" + b"\0" * 40, b"\xff" * 99]
)
def test_damaged_files_are_refused(name, content) -> None:
    with pytest.raises(ValueError, match=r"layer\.\w+ could not be read as"):
        read_audit_file(content, name)


def test_truncated_files_are_refused(rng) -> None:
    weight, quantized, inputs = arrays(rng)
    content = npz(W=weight, Q=quantized, X=inputs)
    tensors = safetensors.save({"W": torch.ones(5, 5), "Q": torch.ones(5, 5), "H": torch.eye(5)})
    for whole, name in ((content, "layer.npz"), (tensors, "layer.safetensors")):
        with pytest.raises(ValueError, match="could not be read"):
            read_audit_file(whole[: len(whole) // 2], name)
    damaged = bytearray(content)
    damaged[200] ^= 0xFF
    with pytest.raises(ValueError, match="could not be read"):
        read_audit_file(bytes(damaged), "layer.npz")


def test_file_that_unpacks_to_too_much_is_refused(monkeypatch) -> None:
    monkeypatch.setattr("lattice_core.layers.audit_file.LARGEST", 1000)
    with pytest.raises(ValueError, match="it unpacks to"):
        read_audit_file(npz(W=np.eye(20), Q=np.eye(20), H=np.eye(20)), "layer.npz")


@pytest.mark.parametrize(
    ("source", "name", "message"),
    [
        ("nowhere.npz", "", "there is no file nowhere.npz"),
        (b"", "", "bytes came without a name"),
        (b"", "layer.pt", r"ends in \.pt; \.npz or \.safetensors"),
        (b"", "layer", "ends in nothing"),
    ],
)
def test_what_is_no_such_file_is_refused(source, name, message) -> None:
    with pytest.raises(ValueError, match=message):
        read_audit_file(source, name)
