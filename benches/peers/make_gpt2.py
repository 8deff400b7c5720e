#!/usr/bin/env python3
"""A GPT-2 of the size of gpt2 (124M parameters) with random weights, and cases and texts to run it on: make_gpt2.py FOLDER CASES TEXTS

Writes FOLDER/model/ (config.json, model.safetensors, tokenizer.json), FOLDER/cases.json, FOLDER/texts.txt and FOLDER/contexts.json. Time does not depend on what
the weights are; the tokenizer is that of fixtures/oracle, whose 1,536 tokens are the first rows of the embedding of 50,257. Same arguments, same bytes.
"""

import itertools
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

ORACLE = Path(__file__).resolve().parents[2] / "fixtures" / "oracle"
FIRST = "Anna Boris Clara David Emma Frank Greta Henry Irene Jonas Karla Louis Maria Nils Olga Peter Rosa Simon Tilda Urban Vera Willem".split()
LAST = "Abel Brandt Castor Dorn Ebert Falk Gruber Holm Iversen Jansen Keller Lorenz Moser Nolan Olsen Pohl Quist Reuter Sander Thorn Ulrich Vogel Winter".split()


def subjects():
    """Names of one, two and three words, all different, without end."""
    for number in itertools.count(1):
        for names in itertools.product(FIRST, LAST):
            yield " ".join(names) if number == 1 else " ".join((*names, LAST[number % len(LAST)] + str(number)))


def cases(count):
    known = json.loads((ORACLE / "cases.json").read_text())
    prompts = [case["prompt"] for case in known]
    return [
        {"case_id": str(n), "prompt": prompts[n % len(prompts)], "subject": subject, "target_new": known[n % len(known)]["target_new"]}
        for n, subject in enumerate(itertools.islice(subjects(), count))
    ]


def texts(count):
    """Held-out sentences, joined to texts of very different lengths, as those of ME-PPL are."""
    sentences = [line for line in (ORACLE / "texts.txt").read_text().splitlines() if line]
    chance = np.random.default_rng(1)
    return [" ".join(chance.choice(sentences, size=chance.integers(1, 6))) for _ in range(count)]


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    folder, case_count, text_count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    model = folder / "model"
    model.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config()).save_pretrained(model, safe_serialization=True)
    shutil.copy(ORACLE / "tokenizer.json", model)
    (folder / "cases.json").write_text(json.dumps(cases(case_count)))
    (folder / "texts.txt").write_text("\n".join(texts(text_count)) + "\n")
    shutil.copy(ORACLE / "contexts.json", folder)


if __name__ == "__main__":
    main()
