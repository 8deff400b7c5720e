#!/usr/bin/env python3
"""ROME edits by the published algorithm in torch and transformers: rome_transformers.py MODEL CASES CONTEXTS LAYER EDITS [--rome DIR]

As kmeng01/rome runs it: all contexts of a case and the prompt of the divergence are one right-padded batch; every pass runs the whole model with its logits and a hook that
adds δ to the MLP's output, and goes back through it with the weights frozen; the keys are read by further passes over the whole model. 20 passes, learning rate 0.5, no
second moment, no early stop. Each edit is on the model as the one before it left it. With --rome DIR a user's own checkout of that repository does it instead; its
early stop, at a loss of 0.05, cannot be switched off.
"""

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from timing import threads
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

PASSES, RATE, DECAY, CLAMP, KL = 20, 0.5, 0.5, 4.0, 0.0625


class Rome:
    """The published algorithm, with C-ROME's choice of keys: a sequence of edits does not break the model."""

    def __init__(self, model, tokenizer, templates, layer):
        self.model, self.tokenizer, self.templates = model, tokenizer, templates
        self.mlp = model.transformer.h[layer].mlp
        self.losses = []

    def batch(self, prompts, subject):
        """Token ids and mask of prompts with a slot, and the position of the subject's last token in each."""
        encoded = self.tokenizer([prompt.format(subject) for prompt in prompts], return_tensors="pt", padding=True)
        heads = [prompt[: prompt.index("{}")] + subject for prompt in prompts]
        return encoded, torch.tensor([len(self.tokenizer(head).input_ids) - 1 for head in heads])

    @torch.no_grad()
    def keys_and_values(self, prompts, subject):
        """Mean input and output of the down-projection at the subject."""
        encoded, at = self.batch(prompts, subject)
        seen = {}
        handle = self.mlp.c_proj.register_forward_hook(lambda _, inputs, output: seen.update(key=inputs[0], value=output))
        self.model(input_ids=encoded.input_ids, attention_mask=encoded.attention_mask)
        handle.remove()
        rows = torch.arange(len(prompts))
        return seen["key"][rows, at].mean(0), seen["value"][rows, at].mean(0)

    def value(self, prompt, subject, target):
        """The vector that makes the model say the target."""
        tokens = self.tokenizer(target, return_tensors="pt").input_ids[0]
        texts = [template.replace("{}", prompt) + self.tokenizer.decode(tokens[:-1]) for template in self.templates]
        encoded, at = self.batch([*texts, "{} is a"], subject)
        labels = torch.full((len(texts), encoded.input_ids.shape[1]), -100)
        for row, mask in enumerate(encoded.attention_mask[:-1]):
            end = int(mask.sum())
            labels[row, end - len(tokens) : end] = tokens
        delta = torch.zeros(self.model.config.n_embd, requires_grad=True)
        adam = torch.optim.Adam([delta], lr=RATE)
        rows, first = torch.arange(len(at)), {}

        def add(_, __, output):
            first.setdefault("value", output[0, at[0]].detach().clone())
            output = output.clone()
            output[rows, at] += delta
            return output

        handle = self.mlp.register_forward_hook(add)
        for step in range(PASSES):
            adam.zero_grad()
            logits = self.model(input_ids=encoded.input_ids, attention_mask=encoded.attention_mask).logits
            now = torch.log_softmax(logits[-1:, at[-1]], dim=1)
            before = first.setdefault("before", now.detach().clone())
            log_probabilities = torch.log_softmax(logits[:-1], dim=2)
            asked = labels != -100
            picked = torch.gather(log_probabilities, 2, labels.where(asked, 0).unsqueeze(2)).squeeze(2)
            nll = -(picked * asked).sum(1) / len(tokens)
            kl = KL * torch.nn.functional.kl_div(before, now, log_target=True, reduction="batchmean")
            size = first["value"].norm()
            loss = nll.mean() + kl + DECAY * delta.norm() / size**2
            if step == 0:
                self.losses.append(loss.item())
            if step + 1 == PASSES:
                break
            loss.backward()
            adam.step()
            with torch.no_grad():
                if delta.norm() > CLAMP * size:
                    delta *= CLAMP * size / delta.norm()
        handle.remove()
        return first["value"] + delta.detach()

    def edit(self, case):
        prompt, subject = case["prompt"], case["subject"]
        target = " " + case["target_new"].strip()
        contexts = [template.replace("{}", prompt) for template in self.templates]
        key, _ = self.keys_and_values(contexts, subject)
        left = key / key.norm()
        target = self.value(prompt, subject, target)
        key, value = self.keys_and_values(contexts, subject)
        right = (target - value) / (left @ key)
        with torch.no_grad():
            self.mlp.c_proj.weight += left.unsqueeze(1) @ right.unsqueeze(0)


class Checkout:
    """A user's own checkout of kmeng01/rome: a copy of it in which "cuda" reads "cpu", as it knows no other device."""

    def __init__(self, folder, model, tokenizer, templates, layer):
        self.copy = tempfile.TemporaryDirectory()
        for path in [*Path(folder).rglob("*.py"), Path(folder) / "globals.yml"]:
            target = Path(self.copy.name) / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path.read_text().replace('"cuda"', '"cpu"'))
        os.chdir(self.copy.name)
        sys.path.insert(0, self.copy.name)
        from rome import rome_main
        from rome.rome_hparams import ROMEHyperParams

        rome_main.CONTEXT_TEMPLATES_CACHE = templates
        self.apply = rome_main.apply_rome_to_model
        self.model, self.tokenizer, self.losses = model, tokenizer, []
        self.hparams = ROMEHyperParams(
            layers=[layer], fact_token="subject_last", v_num_grad_steps=PASSES, v_lr=RATE, v_loss_layer=model.config.n_layer - 1, v_weight_decay=DECAY,
            clamp_norm_factor=CLAMP, kl_factor=KL, mom2_adjustment=False, context_template_length_params=[[5, 10], [10, 10]],
            rewrite_module_tmp="transformer.h.{}.mlp.c_proj", layer_module_tmp="transformer.h.{}", mlp_module_tmp="transformer.h.{}.mlp",
            attn_module_tmp="transformer.h.{}.attn", ln_f_module="transformer.ln_f", lm_head_module="transformer.wte",
            mom2_dataset="wikipedia", mom2_n_samples=100000, mom2_dtype="float32",
        )

    def edit(self, case):
        request = {"prompt": case["prompt"], "subject": case["subject"], "target_new": {"str": case["target_new"]}}
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            self.apply(self.model, self.tokenizer, [request], self.hparams, copy=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arguments", nargs=5, metavar="MODEL CASES CONTEXTS LAYER EDITS")
    parser.add_argument("--rome", metavar="DIR")
    options = parser.parse_args()
    folder, cases, contexts, layer, edits = options.arguments
    torch.set_num_threads(threads())
    with open(cases) as file:
        cases = json.load(file)
    with open(contexts) as file:
        templates = json.load(file)["context_templates"]
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    for weight in model.parameters():
        weight.requires_grad_(False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=f"{os.path.abspath(folder)}/tokenizer.json")
    tokenizer.pad_token = tokenizer.eos_token = "<|endoftext|>"
    tokenizer.padding_side = "right"
    build = (lambda *rest: Checkout(os.path.abspath(options.rome), *rest)) if options.rome else Rome
    editor, seconds = build(model, tokenizer, templates, int(layer)), []
    for number in range(int(edits)):
        begin = time.perf_counter()
        editor.edit(cases[number % len(cases)])
        seconds.append(time.perf_counter() - begin)
    way = "kmeng01/rome" if options.rome else "transformers, published"
    line = {"way": way, "seconds": statistics.median(seconds), "units": 1}
    if editor.losses:
        line["check"] = editor.losses[0]
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
