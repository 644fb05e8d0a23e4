"""Law L21: the least rate for a loss, against closed forms, its definition and real coding."""

import numpy as np
import pytest
from small_problems import assert_close, random_hessian

from lattice_core import SCALAR_LATTICE_GAP, gaussian_loss, gaussian_rate, variance_factors

RATES = (0.01, 0.3, 1.0, 2.5, 8.0)


def water(components: np.ndarray, level: float) -> tuple[float, float]:
    """The definition: bits a component and loss a component at a water level."""
    rate = np.maximum(0, np.log2(components / level)).sum() / (2 * len(components))
    return rate, np.minimum(level, components).mean()


@pytest.mark.parametrize("size", [1, 5])
def test_L21_white_spectrum_has_the_closed_form(size) -> None:
    for loss in (1e-6, 0.25, 3.9):
        rate = gaussian_rate(2 * np.eye(size), 2.0, loss)
        assert_close(rate, np.log2(4 / loss) / 2)
        assert_close(gaussian_loss(2 * np.eye(size), 2.0, rate), loss)


@pytest.mark.parametrize("size", [1, 2, 7, 63])
def test_L21_every_water_level_lies_on_the_curve(size, rng) -> None:
    hessian = random_hessian(rng, size, 1e3)
    components = 0.7 * np.linalg.eigvalsh(hessian)
    for level in (*components[:-1], *np.geomspace(1e-9, 0.99 * components[-1], 9)):
        rate, loss = water(components, level)
        assert_close(gaussian_rate(hessian, 0.7, loss), rate)
        assert_close(gaussian_loss(hessian, 0.7, rate), loss)


@pytest.mark.parametrize("with_factors", [False, True])
def test_L21_rate_and_loss_are_inverse_and_fall(with_factors, rng) -> None:
    hessian = random_hessian(rng, 7, 1e3)
    variance = rng.uniform(0.1, 2, 7) if with_factors else 0.7
    factors = rng.uniform(0, 3, 5) if with_factors else None
    losses = [gaussian_loss(hessian, variance, rate, factors) for rate in RATES]
    assert (np.diff(losses) < 0).all()
    assert_close([gaussian_rate(hessian, variance, loss, factors) for loss in losses], RATES)


def test_L21_coding_nothing_costs_no_bits(rng) -> None:
    hessian = random_hessian(rng, 5)
    nothing = 0.7 * np.trace(hessian) / 5  # the mean of w ᵀH w over the coordinates
    assert_close(gaussian_loss(hessian, 0.7, 0.0), nothing)
    assert gaussian_rate(hessian, 0.7, nothing * (1 + 1e-12)) == 0
    assert gaussian_rate(hessian, 0.7, 10 * nothing) == 0
    assert gaussian_rate(hessian, 0.7, 0.999 * nothing) > 0


def test_L21_columns_and_rows_with_variances_of_their_own(rng) -> None:
    hessian = random_hessian(rng, 4, 30)
    variance, factors = np.array([0.5, 2.0, 0.0, 1.0]), np.array([0.2, 0.0, 2.8])
    covariance = np.sqrt(variance)[:, None] * hessian * np.sqrt(variance)
    spectrum = np.append(np.linalg.eigvalsh(covariance[np.ix_([0, 1, 3], [0, 1, 3])]), 0)
    components = np.outer(factors, spectrum).ravel()
    for level in (1e-4, 0.01, 0.3):
        with np.errstate(divide="ignore"):  # what is surely 0 is never coded
            rate, loss = water(components, level)
        assert_close(gaussian_rate(hessian, variance, loss, factors), rate)
        assert_close(gaussian_loss(hessian, variance, rate, factors), loss)
    alone = gaussian_rate(hessian, variance, 0.01)
    assert_close(gaussian_rate(hessian, variance, 0.01, [1.0, 1.0]), alone)
    assert_close(gaussian_rate(hessian, np.full(4, 0.7), 0.01), gaussian_rate(hessian, 0.7, 0.01))


def test_variance_factors_of_a_product_are_its_factors(rng) -> None:
    columns, rows = rng.uniform(0.1, 2, 6), rng.uniform(0.5, 1.5, 4)
    rows /= rows.mean()
    weights = np.sqrt(np.outer(rows, columns)) * rng.choice([-1, 1], (4, 6))
    variance, factors = variance_factors(weights)
    assert_close(variance, columns)
    assert_close(factors, rows)


def test_L21_an_entropy_coded_scalar_lattice_stands_a_quarter_bit_above(rng) -> None:
    """Measured: a fine grid, white H, the entropy of the codes as they came out."""
    weights = rng.standard_normal(400_000)
    for spacing in (0.1, 0.2):
        codes = np.rint(weights / spacing)
        counts = np.unique(codes, return_counts=True)[1]
        shares = counts / counts.sum()
        entropy = -np.sum(shares * np.log2(shares))
        loss = np.mean((spacing * codes - weights) ** 2)
        distance = entropy - gaussian_rate(np.eye(3), np.mean(weights**2), loss)
        # 400,000 draws leave the entropy and the logarithm of the variance uncertain by about 0.002.
        assert abs(distance - SCALAR_LATTICE_GAP) < 0.005
    assert_close(SCALAR_LATTICE_GAP, 0.25461433482)


@pytest.mark.parametrize("loss", [0.0, -1.0, np.nan, np.inf])
def test_loss_must_be_positive(loss) -> None:
    with pytest.raises(ValueError, match="no finite rate reaches 0"):
        gaussian_rate(np.eye(2), 1.0, loss)


@pytest.mark.parametrize("rate", [-0.1, np.nan, np.inf])
def test_rate_must_not_be_negative(rate) -> None:
    with pytest.raises(ValueError, match="bits ≥ 0 was wanted"):
        gaussian_loss(np.eye(2), 1.0, rate)


@pytest.mark.parametrize("variance", [0.0, -1.0, np.nan, [1.0, -1.0], [0.0, 0.0]])
def test_variances_must_be_mean_squares(variance) -> None:
    with pytest.raises(ValueError, match="variance must be finite, ≥ 0 and not all 0"):
        gaussian_rate(np.eye(2), variance, 0.1)
    with pytest.raises(ValueError, match="row_factors must be finite"):
        gaussian_loss(np.eye(2), 1.0, 0.1, np.atleast_1d(variance))


def test_variances_must_fit() -> None:
    with pytest.raises(ValueError, match=r"variance has shape \(3,\)"):
        gaussian_rate(np.eye(2), [1.0, 1.0, 1.0], 0.1)
    with pytest.raises(ValueError, match="all zero"):
        variance_factors(np.zeros((2, 3)))
