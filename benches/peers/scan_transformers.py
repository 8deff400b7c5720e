#!/usr/bin/env python3
"""Keys of many cases in transformers: scan_transformers.py MODEL CASES CONTEXTS LAYER [MOST]

Two ways, over the first MOST cases (default 100; the rate does not depend on how many), loading and tokenising not counted. "published" is what the editors' code does: the contexts of one case are one padded batch, the whole model runs, logits included,
and a hook reads the input of the down-projection. "tuned" is what an expert would write around the same library: rows of all cases sorted by length, large batches, no logits, and the
forward pass is left as soon as the key is there.
"""

import json
import sys

import torch
from timing import best, threads
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

BATCH = 256


class KeyIsThere(Exception):
    pass


def rows_of(tokenizer, cases, templates):
    """Token ids and the position of the subject's last token, for each context of each case."""
    rows = []
    for case in cases:
        for template in templates:
            prompt = template.replace("{}", case["prompt"], 1)
            head = prompt[: prompt.index("{}")] + case["subject"]
            ids = tokenizer.encode(prompt.replace("{}", case["subject"])).ids
            rows.append((ids, len(tokenizer.encode(head).ids) - 1))
    return rows


def padded(rows):
    width = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in rows])
    mask = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in rows])
    return ids, mask, torch.tensor([position for _, position in rows])


@torch.no_grad()
def scan(model, module, rows, batch, whole):
    """Mean key of every 21 rows; `whole` runs the model to its logits."""
    seen = {}

    def hook(_, arguments):
        seen["key"] = arguments[0]
        if not whole:
            raise KeyIsThere

    order = range(len(rows)) if whole else sorted(range(len(rows)), key=lambda at: len(rows[at][0]))
    order, keys = list(order), [None] * len(rows)
    handle = module.register_forward_pre_hook(hook)
    try:
        for begin in range(0, len(rows), batch):
            chosen = order[begin : begin + batch]
            ids, mask, positions = padded([rows[at] for at in chosen])
            try:
                model(input_ids=ids, attention_mask=mask)
            except KeyIsThere:
                pass
            picked = seen["key"][torch.arange(len(chosen)), positions]
            for at, key in zip(chosen, picked):
                keys[at] = key.clone()
    finally:
        handle.remove()
    return torch.stack(keys)


def main():
    if not 5 <= len(sys.argv) <= 6:
        sys.exit(__doc__)
    folder, layer, most = sys.argv[1], int(sys.argv[4]), int(sys.argv[5]) if len(sys.argv) == 6 else 100
    torch.set_num_threads(threads())
    with open(sys.argv[2]) as file:
        cases = json.load(file)[:most]
    with open(sys.argv[3]) as file:
        templates = json.load(file)["context_templates"]
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    module = model.transformer.h[layer].mlp.c_proj
    rows = rows_of(Tokenizer.from_file(f"{folder}/tokenizer.json"), cases, templates)
    for way, batch, whole in (("transformers, published", len(templates), True), ("transformers, tuned", BATCH, False)):
        seconds, _ = best(1, lambda: scan(model, module, rows, batch, whole))
        print(json.dumps({"way": way, "seconds": seconds, "units": len(cases)}), flush=True)


if __name__ == "__main__":
    main()
