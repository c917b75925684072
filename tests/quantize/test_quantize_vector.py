# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from lamina.quantize.vector import ResidualTrainer, decode_residual, encode_residual, kmeans, nearest_entries


def vectors(count: int = 600) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    centers = torch.randn(12, 3, generator=generator)
    return centers[torch.arange(count) % 12] + 0.1 * torch.randn(count, 3, generator=generator)


def test_nearest_entries_agrees_with_all_distances() -> None:
    values, codebook = vectors(), torch.randn(17, 3, generator=torch.Generator().manual_seed(1))
    assert torch.equal(nearest_entries(values, codebook), torch.cdist(values, codebook).argmin(dim=1))


def test_decode_residual_sums_the_stages_that_encode_residual_chose() -> None:
    values = vectors()
    trainer = ResidualTrainer(values, stages=2, entries=16, seed=1)
    indices = encode_residual(values, trainer.codebooks)
    assert indices.shape == (600, 2)
    decoded = decode_residual(indices, trainer.codebooks)
    first = trainer.codebooks[0][indices[:, 0]]
    assert float((values - decoded).square().mean()) < float((values - first).square().mean())
    quantized, _ = trainer.quantized(values)
    assert torch.allclose(quantized, decoded, atol=1e-6)


def test_kmeans_finds_separate_clusters() -> None:
    values = vectors()
    centers = kmeans(values, 64, torch.Generator().manual_seed(1))
    errors = (values - centers[nearest_entries(values, centers)]).square().mean()
    assert float(errors) < 0.01


def test_training_follows_vectors_that_move() -> None:
    values = vectors()
    trainer = ResidualTrainer(values, stages=2, entries=32, seed=1)
    moved = values * 0.5 + 3.0
    before = float((moved - trainer.quantized(moved)[0]).square().mean())
    for _ in range(40):
        trainer.quantized(moved)
        trainer.step()
    after = float((moved - trainer.quantized(moved)[0]).square().mean())
    assert after < 0.02
    assert after < 0.1 * before


def test_unused_entries_are_revived() -> None:
    values = vectors()
    trainer = ResidualTrainer(values, stages=1, entries=32, seed=1)
    trainer.codebooks[0, 20:] = 1e3
    for _ in range(40):
        trainer.quantized(values)
        trainer.step()
    assert float(trainer.codebooks.abs().max()) < 100.0


def test_gradients_are_straight_through_and_commitment_pulls_to_the_entry() -> None:
    values = vectors(40).requires_grad_()
    trainer = ResidualTrainer(values.detach()[:10], stages=2, entries=8, seed=1)
    quantized, commitment = trainer.quantized(values)
    quantized.sum().backward(retain_graph=True)
    assert values.grad is not None
    assert torch.equal(values.grad, torch.ones_like(values))
    values.grad = None
    commitment.backward()
    assert float(values.grad.abs().sum()) > 0.0  # pyright: ignore[reportOptionalMemberAccess]


def test_state_restores_the_same_future() -> None:
    values = vectors()
    first = ResidualTrainer(values, stages=2, entries=16, seed=1)
    second = ResidualTrainer(values.flip(0), stages=2, entries=16, seed=9)
    second.restore({name: tensor.clone() for name, tensor in first.state().items()})
    for trainer in (first, second):
        trainer.quantized(values)
        trainer.step()
    assert torch.equal(first.codebooks, second.codebooks)


def test_no_vectors_at_all() -> None:
    trainer = ResidualTrainer(torch.zeros(0, 3), stages=2, entries=4, seed=1)
    quantized, commitment = trainer.quantized(torch.zeros(0, 3))
    trainer.step()
    assert quantized.shape == (0, 3)
    assert commitment.item() == 0.0


def test_restore_rejects_another_shape() -> None:
    trainer = ResidualTrainer(vectors(), stages=2, entries=16, seed=1)
    other = ResidualTrainer(vectors(), stages=2, entries=8, seed=1)
    with pytest.raises(ValueError, match="shape"):
        trainer.restore(other.state())


def test_trainer_rejects_no_stages_or_entries() -> None:
    for stages, entries in ((0, 4), (2, 0)):
        with pytest.raises(ValueError, match="stages and entries"):
            ResidualTrainer(vectors(), stages, entries, seed=1)
