"""Counts the claims that hedge ("may", "could"): a stage in Python, which needs nothing but JSON files.

NSAI_OPTIONS   the options of the step in the experiment file
NSAI_CONTEXT   the context: experiment, inputs, outputs, metrics, artifacts, assigns
NSAI_RESULT    written here: the result; what stands under "context" is merged over the context
NSAI_PROGRESS  lines such as "0.5 counting" are shown by `nsai job`
"""

import json
import os
import re

with open(os.environ["NSAI_OPTIONS"]) as file:
    hedges = set(json.load(file)["env"]["HEDGES"].split())
with open(os.environ["NSAI_CONTEXT"]) as file:
    claims = json.load(file)["inputs"]["dataset"]["claims"]

hedged = []
with open(os.environ["NSAI_PROGRESS"], "a") as progress:
    for number, claim in enumerate(claims):
        if hedges & set(re.findall(r"\w+", claim["claim"].lower())):
            hedged.append(claim["id"])
        if number % 10 == 0:
            print(f"{number / len(claims):.2f} counting", file=progress, flush=True)

metrics = {"claims": len(claims), "hedged": len(hedged), "share": len(hedged) / len(claims)}
with open(os.environ["NSAI_RESULT"], "w") as file:
    json.dump({**metrics, "context": {"metrics": {"hedging": metrics}, "outputs": {"hedged": hedged}}}, file)
