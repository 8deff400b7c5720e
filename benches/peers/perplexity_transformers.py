#!/usr/bin/env python3
"""Perplexity of texts in transformers: perplexity_transformers.py MODEL TEXTS [RUNS]

"a text a call" is the loop that everybody writes; "batched" pads texts sorted by length, which is the best the library gives on a CPU. Loading and tokenising are not counted.
"""

import json
import sys

import torch
from timing import best, threads
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM


@torch.no_grad()
def mean_nll(model, rows, batch):
    total = tokens = 0
    rows = sorted(rows, key=len) if batch > 1 else rows
    for begin in range(0, len(rows), batch):
        chosen = rows[begin : begin + batch]
        width = max(map(len, chosen))
        ids = torch.tensor([row + [0] * (width - len(row)) for row in chosen])
        labels = torch.tensor([row + [-100] * (width - len(row)) for row in chosen])
        mask = (labels >= 0).long()
        logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), reduction="sum")
        total += float(loss)
        tokens += int((labels[:, 1:] >= 0).sum())
    return total / tokens, tokens


def main():
    if not 3 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    folder, runs = sys.argv[1], int(sys.argv[3]) if len(sys.argv) == 4 else 1
    torch.set_num_threads(threads())
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    with open(sys.argv[2]) as file:
        rows = [tokenizer.encode(line.rstrip("\n")).ids for line in file if line.strip()]
    rows = [row[: model.config.n_positions] for row in rows]
    for way, batch in (("transformers, a text a call", 1), ("transformers, batched", 16)):
        seconds, (nll, tokens) = best(runs, lambda: mean_nll(model, rows, batch))
        print(json.dumps({"way": way, "seconds": seconds, "units": tokens, "check": nll}), flush=True)


if __name__ == "__main__":
    main()
