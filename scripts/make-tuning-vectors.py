#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes Tests/CalibrationTests/Tuning/TuningVectors.swift: losses, optimizer steps and learning rates of PyTorch.

Needs torch (from PyPI). The committed file was made with the version it names.
usage: python3 scripts/make-tuning-vectors.py
"""
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(20190607)
target = (
    pathlib.Path(__file__).parent.parent / "Tests/CalibrationTests/Tuning/TuningVectors.swift"
)


def text(x):
    """Swift literal that keeps every bit."""
    if isinstance(x, torch.Tensor):
        x = x.tolist()
    if isinstance(x, (list, tuple)):
        return "[" + ", ".join(text(y) for y in x) + "]"
    if isinstance(x, bool):
        return str(x).lower()
    return x.hex() if isinstance(x, float) else str(x)


def losses():
    """Float32 logits, evaluated in float64: (kind, temperature, student, target, label, loss, gradient)."""
    for count, spread, noise in [(1, 1, 1), (2, 3, 0.5), (10, 8, 1), (50, 20, 4), (10, 300, 200)]:
        logits = (torch.randn(count) * spread).float()
        values = (logits + torch.randn(count) * noise).float()
        label = count // 2
        for kind, temperature in [
            ("kl", 1.0), ("kl", 2.5), ("relativeL2", 1.0), ("crossEntropy", 1.0),
        ]:
            student = values.double().requires_grad_()
            teacher = logits.double()
            if kind == "kl":
                loss = temperature**2 * F.kl_div(
                    F.log_softmax(student / temperature, 0),
                    F.log_softmax(teacher / temperature, 0),
                    reduction="sum",
                    log_target=True,
                )
            elif kind == "relativeL2":
                loss = ((student - teacher) ** 2).sum() / (teacher**2).sum()
            else:
                loss = F.cross_entropy(student[None], torch.tensor([label]))
            loss.backward()
            yield (
                f"LossVector(kind: .{kind}, temperature: {temperature}, student: {text(values)}, "
                f"target: {text(logits)}, label: {label}, loss: {text(loss.item())}, "
                f"gradient: {text(student.grad)}),"
            )


def optimizers():
    """Ten float64 steps with changing rates; gradients of one parameter are all zero, and so is the sixth step."""
    for name, swift, make in [
        ("Adam", ".adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8)",
         lambda p: torch.optim.Adam(p, betas=(0.9, 0.999), eps=1e-8)),
        ("Adam", ".adam(beta1: 0.7, beta2: 0.95, epsilon: 1e-3)",
         lambda p: torch.optim.Adam(p, betas=(0.7, 0.95), eps=1e-3)),
        ("SGD", ".sgd(momentum: 0.9)", lambda p: torch.optim.SGD(p, lr=1, momentum=0.9)),
        ("SGD", ".sgd(momentum: 0)", lambda p: torch.optim.SGD(p, lr=1, momentum=0)),
    ]:
        p = torch.randn(5, dtype=torch.float64)
        start = p.tolist()
        p.requires_grad_()
        optimizer = make([p])
        gradients, rates, results = [], [], []
        for step in range(10):
            g = torch.randn(5, dtype=torch.float64) * 10.0 ** torch.arange(-3, 2)
            g[4] = 0
            if step == 5:
                g[:] = 0
            rate = 0.1 / (step + 1)
            optimizer.param_groups[0]["lr"] = rate
            p.grad = g.clone()
            optimizer.step()
            gradients.append(g.tolist())
            rates.append(rate)
            results.append(p.tolist())
        yield (
            f"OptimizerVector(optimizer: {swift}, start: {text(start)}, gradients: {text(gradients)}, "
            f"rates: {text(rates)}, results: {text(results)}),"
        )


def schedules():
    """Rates of SequentialLR(LinearLR, schedule) for every step; 24 steps, 4 per epoch."""
    for warmup in [0, 1, 5]:
        for swift, make in [
            (".constant", lambda o: torch.optim.lr_scheduler.ConstantLR(o, factor=1.0)),
            (".step(every: 2, factor: 0.3)",
             lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=8, gamma=0.3)),
            (".cosine",
             lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=24 - warmup)),
        ]:
            p = torch.zeros(1, requires_grad=True)
            optimizer = torch.optim.SGD([p], lr=0.02)
            scheduler = make(optimizer)
            if warmup:
                optimizer = torch.optim.SGD([p], lr=0.02)
                rise = torch.optim.lr_scheduler.LinearLR(
                    optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
                scheduler = torch.optim.lr_scheduler.SequentialLR(
                    optimizer, [rise, make(optimizer)], milestones=[warmup])
            rates = []
            for _ in range(24):
                rates.append(float(optimizer.param_groups[0]["lr"]))
                optimizer.step()
                scheduler.step()
            yield f"ScheduleVector(schedule: {swift}, warmup: {warmup}, rates: {text(rates)}),"


lines = [
    f"// Made by scripts/make-tuning-vectors.py with torch {torch.__version__.split('+')[0]}; do not edit.",
    "// swift-format-ignore-file",
    "import Calibration",
]
for name, kind, rows in [
    ("lossVectors", "LossVector", losses()),
    ("optimizerVectors", "OptimizerVector", optimizers()),
    ("scheduleVectors", "ScheduleVector", schedules()),
]:
    lines += ["", f"let {name}: [{kind}] = [", *rows, "]"]
target.write_text("\n".join(lines) + "\n")
