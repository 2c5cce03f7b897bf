"""Naive NumPy twins: the definitions written out, slow and plain, that the fast code must match."""

import numpy as np

__all__ = [
    "finite_ridgelet",
    "finite_ridgelet_dual",
    "grid_ridgelet",
    "line_integral",
    "mixture_logpdf",
    "mixture_posterior_mean",
    "mixture_score",
    "ridge_sum",
    "ridge_sum_gradient",
]


def ridge_sum(points, a, b, c, eta):
    """Σ_j c_j η(a_j·x − b_j) at points (n, m), one point and one neuron at a time."""
    out = []
    for x in points:
        out.append(sum(np.asarray(c[j]) * eta(np.dot(a[j], x) - b[j]) for j in range(len(b))))
    return np.array(out)


def ridge_sum_gradient(points, a, b, c, slope):
    """Σ_j a_j ⊗ c_j η'(a_j·x − b_j), shape (n, m) or (n, m, k)."""
    out = []
    for x in points:
        terms = [
            np.multiply.outer(a[j], np.asarray(c[j]) * slope(np.dot(a[j], x) - b[j]))
            for j in range(len(b))
        ]
        out.append(sum(terms))
    return np.array(out)


def _normal_logpdf(x, mean, cov):
    d = x - mean
    return -0.5 * (d @ np.linalg.inv(cov) @ d + np.log(np.linalg.det(2 * np.pi * cov)))


def mixture_logpdf(points, weights, means, covariances):
    """log Σ_k w_k N(x; μ_k, Σ_k), covariances (K, m, m)."""
    out = []
    for x in points:
        logs = [
            np.log(w) + _normal_logpdf(x, m, s)
            for w, m, s in zip(weights, means, covariances, strict=True)
        ]
        out.append(np.logaddexp.reduce(logs))
    return np.array(out)


def _responsibilities(x, weights, means, covariances):
    logs = np.array(
        [
            np.log(w) + _normal_logpdf(x, m, s)
            for w, m, s in zip(weights, means, covariances, strict=True)
        ]
    )
    r = np.exp(logs - logs.max())
    return r / r.sum()


def mixture_score(points, weights, means, covariances):
    """∇ log Σ_k w_k N(x; μ_k, Σ_k), covariances (K, m, m)."""
    out = []
    for x in points:
        r = _responsibilities(x, weights, means, covariances)
        pulls = [np.linalg.solve(s, m - x) for m, s in zip(means, covariances, strict=True)]
        out.append(r @ np.array(pulls))
    return np.array(out)


def mixture_posterior_mean(points, weights, means, covariances, noise):
    """E[x0 | x0 + N(0, noise) = x], covariances (K, m, m), by the responsibilities."""
    total = [s + noise for s in covariances]
    out = []
    for x in points:
        r = _responsibilities(x, weights, means, total)
        parts = [
            m + s @ np.linalg.solve(s + noise, x - m)
            for m, s in zip(means, covariances, strict=True)
        ]
        out.append(r @ np.array(parts))
    return np.array(out)


def line_integral(function, direction, offset, half_length, n=2001):
    """∫ f(pu + s u⊥) ds over |s| <= half_length in the plane, by n Gauss-Legendre nodes."""
    s, w = np.polynomial.legendre.leggauss(n)
    u = np.asarray(direction, dtype=float)
    points = offset * u + half_length * s[:, None] * np.array([-u[1], u[0]])
    return half_length * np.sum(w * function(points))


def grid_ridgelet(values, axes, a, b, psi):
    """Σ_x f(x) ψ(a·x − b) Π Δ over a uniform grid: the transform by the trapezoid rule."""
    points = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)
    cell = np.prod([x[1] - x[0] for x in axes])
    f = np.reshape(values, (len(points), -1))
    rows = [psi(points @ np.atleast_1d(a[j]) - b[j]) @ f * cell for j in range(len(b))]
    return np.array(rows).reshape(len(b), *np.shape(values)[len(axes) :])


def finite_ridgelet(f, rho):
    """R[f;ρ](a, b) = Σ_x f(x) conj ρ(a·x − b) on Z_p^m, f of shape (p,)*m; axes (a_1..a_m, b)."""
    p, m = f.shape[0], f.ndim
    out = np.zeros((p,) * (m + 1), dtype=complex)
    for index in np.ndindex(*out.shape):
        a, b = index[:-1], index[-1]
        out[index] = sum(f[x] * np.conj(rho[(np.dot(a, x) - b) % p]) for x in np.ndindex(*f.shape))
    return out


def finite_ridgelet_dual(spectrum, sigma):
    """S[γ;σ](x) = Σ_{a,b} γ(a, b) σ(a·x − b) on Z_p^m."""
    p, m = spectrum.shape[0], spectrum.ndim - 1
    out = np.zeros((p,) * m, dtype=complex)
    for x in np.ndindex(*out.shape):
        out[x] = sum(
            spectrum[i] * sigma[(np.dot(i[:-1], x) - i[-1]) % p]
            for i in np.ndindex(*spectrum.shape)
        )
    return out
