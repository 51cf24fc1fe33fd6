"""Fourier transforms."""

from harness import Case, Refusal


def cases():
    for norm in (None, "ortho", "forward"):
        for n in (None, 3, 6):
            options, name = dict(n=n, norm=norm), f"{n} {norm}"
            yield Case("fft.fft", lambda t: (t.complex(2, 5),), options, id=name)
            yield Case("fft.ifft", lambda t: (t.complex(2, 5),), options, id=name)
            yield Case("fft.rfft", lambda t: (t(2, 5),), options, id=name)
            yield Case("fft.irfft", lambda t: (t.complex(2, 4),), options, id=name)
            yield Case("fft.hfft", lambda t: (t(2, 4),), options, id=name)
            yield Case("fft.ihfft", lambda t: (t(2, 5),), options, id=name, grad=False, reference=resolved("ihfft"))
    yield Case("fft.fft", lambda t: (t(4, 3),), dict(dim=0), id="real")
    for name in ("fftn", "ifftn", "fft2", "ifft2", "irfftn", "irfft2", "hfftn", "hfft2"):
        yield Case("fft." + name, lambda t: (t.complex(3, 4),))
    for name in ("rfftn", "rfft2"):
        yield Case("fft." + name, lambda t: (t(3, 4),), dict(norm="ortho"))
    yield Case("fft.fftn", lambda t: (t.complex(2, 3, 4),), dict(s=(4, 2), dim=(0, 2)), id="sizes")
    yield Case("fft.fftfreq", lambda t: (5, 0.5), grad=False)
    yield Case("fft.rfftfreq", lambda t: (6,), grad=False)
    for name in ("fftshift", "ifftshift"):
        yield Case("fft." + name, lambda t: (t(5, 4),))
        yield Case("fft." + name, lambda t: (t(5, 4),), dict(dim=0), id="dim")
    yield Case("stft", lambda t: (t(2, 20), 8), lambda t: dict(hop_length=3, window=t.positive(8), return_complex=True))
    yield Case(
        "stft",
        lambda t: (t(20), 8),
        dict(center=False, normalized=True, onesided=False, return_complex=True),
        id="plain",
    )
    yield Case(
        "istft",
        lambda t: (t.complex(2, 5, 6), 8),
        lambda t: dict(hop_length=2, window=t.positive(8, grad=False)),
    )


def resolved(name):
    return lambda torch: lambda *args, **options: getattr(torch.fft, name)(*args, **options).resolve_conj()


def refusals():
    yield Refusal("fft.fft", lambda t: (t(3), 0), RuntimeError, "Invalid number of data points")
    yield Refusal("fft.fft", lambda t: (t(3),), RuntimeError, "normalization", dict(norm="none"))
    yield Refusal("fft.rfft", lambda t: (t.complex(3),), RuntimeError, "real-valued")
    yield Refusal("stft", lambda t: (t(20), 8), RuntimeError, "return_complex")
